#!/usr/bin/env bash
# Runs all tests and all lints, in three lanes beside each other. The suites under tests/ drive whole clusters
# and wait most of their time: for elections, leases, a client to come back. So does the minute of chaos. The unit
# tests compute, and so do their compiler, the simulation and the hunt for a planted bug. One after the other a
# machine stands half idle; beside each other it does not, and what computes yields (`nice`), so that a cluster is
# hardly slower than it would be alone. What compares speeds runs last, alone.
#
# The compiler is Clippy (scripts/lint-rustc.sh): it lints what it compiles. `cargo clippy` before it would read,
# type and borrow-check everything once more.
#
# What the suites print comes as it happens, the other lanes' when those are done.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

# Suites that measure, that wait, and that compute.
alone=(scale)
waiting=(chaos conformance failpoints kubernetes overrun)
computing=(simulation)

say() { echo "test: $*" >&2; }
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT

# What `cargo clippy -- -D warnings` would say, in the same words. They are Clippy's own affair, so it is looked first
# whether they still mean that. In cargo's environment, not only in Clippy's: cargo compiles anew whatever was
# compiled under another one.
export CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# Not inside the checkout: cargo keeps apart what was built by another path, and never throws it away.
lint="$KEELSON_CACHE/lint-rustc.sh"
mkdir -p "$KEELSON_CACHE"
cmp -s scripts/lint-rustc.sh "$lint" || install -m 755 scripts/lint-rustc.sh "$lint"
if echo 'pub fn nothing() -> u8 { 1 + 0 }' |
  "$lint" rustc --crate-type=lib --emit=metadata -o "$logs/canary" - 2>"$logs/canary.log" ||
  ! grep -q 'clippy::identity.op' "$logs/canary.log"; then
  cat "$logs/canary.log" >&2
  say "the lints do not work: something they must refuse was not refused"
  exit 1
fi

# The same packages in each call: cargo would otherwise unite features in another way and compile the
# dependencies once more.
# The lints are no environment variable: what the suites build themselves is not ours to lint.
flags=(--config "build.rustc-workspace-wrapper='$lint'" --workspace --features keelson/faults --locked)
# What is compiled once and thrown away. A crate is compiled in as many parts as there are processors: each part has
# generic code of its own, so more of them take half as much again. Lines of stack frames are a quarter of all work;
# a panic says its line without them.
flags+=(--config 'profile.dev.debug=false')
for package in keelson keelson-{apiserver,controllers,jepsen,kit,sim,store}; do
  flags+=(--config "profile.dev.package.$package.codegen-units=$(nproc)")
done
tests=(cargo test "${flags[@]}" --no-fail-fast)
# The store is optimised because the suites drive it; its unit tests take seconds, and to optimise them takes
# a minute and a half. Only its tests: nothing else that is built in this call depends on it.
libs=("${tests[@]}" --config 'profile.dev.package.keelson-store.opt-level=0')
# They have no unit tests, and `--lib` would compile them for such all the same.
libs+=(--exclude keelson-kit --exclude keelson-proto)

say "building the suites"
"${tests[@]}" --test '*' --no-run 2>&1 | tee "$logs/built"
beside=() last=() patient=() hungry=()
for suite in $(sed -n 's,^ *Executable tests/\([a-z_]*\)\(/main\)\?\.rs (.*,\1,p' "$logs/built"); do
  case " ${alone[*]} " in
  *" $suite "*) last+=(--test "$suite") && continue ;;
  esac
  case " ${waiting[*]} " in
  *" $suite "*) patient+=(--test "$suite") && continue ;;
  esac
  case " ${computing[*]} " in
  *" $suite "*) hungry+=(--test "$suite") && continue ;;
  esac
  beside+=(--test "$suite")
done

: >"$logs/suites"
(set -o pipefail && "${tests[@]}" "${beside[@]}" 2>&1 | tee "$logs/suites") &
suites=$!
# Cargo holds its build directory until the first suite runs; the compiler of the unit tests would be
# first otherwise, and hold it for minutes.
until grep -q '^ *Running ' "$logs/suites" || ! kill -0 "$suites" 2>/dev/null; do sleep 0.1; done
("${tests[@]}" "${patient[@]}") >"$logs/patient" 2>&1 &
patience=$!

# One mistake in turn, made on purpose: what finds nothing in it would find nothing in its like.
planted() {
  {
    "${tests[@]}" --test '*' --no-run --message-format=json-render-diagnostics
    "${libs[@]}" --lib --no-run --message-format=json-render-diagnostics
  } >"$logs/programs" || return
  ROTATE="$(git rev-parse HEAD 2>/dev/null || date +%F)" ONLY="${KEELSON_PLANTED:-}" PROGRAMS="$logs/programs" \
    nice -n 10 scripts/planted.sh
}
# Examples hold no tests; they are compiled, so they are linted.
(
  failed=0
  nice -n 10 "${tests[@]}" --bins --examples || failed=1
  nice -n 10 "${libs[@]}" --lib || failed=1
  nice -n 10 "${tests[@]}" "${hungry[@]}" -- --nocapture || failed=1
  nice -n 10 scripts/fuzz-check.sh || failed=1
  echo "test: a planted bug:"
  planted || failed=1
  exit "$failed"
) >"$logs/units" 2>&1 &
units=$!

failed=0
wait "$suites" || failed=1
wait "$patience" || failed=1
say "what waits:"
cat "$logs/patient"
wait "$units" || failed=1
say "what computes:"
cat "$logs/units"
say "what is measured:"
"${tests[@]}" "${last[@]}" || failed=1
exit "$failed"
