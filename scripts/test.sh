#!/usr/bin/env bash
# Runs all tests, in two lanes beside each other. The suites under tests/ drive whole clusters and wait
# most of their time: for elections, leases, a client to come back. The unit tests compute, and so does
# their compiler. One after the other a machine stands half idle; beside each other it does not, and the
# unit tests yield (`nice`), so that a cluster is hardly slower than it would be alone. What compares
# speeds runs last, alone.
#
# What the suites print comes as it happens, the unit tests' when those are done.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

# Suites that measure.
alone=(scale)

say() { echo "test: $*" >&2; }
tests=(cargo test --workspace --features keelson/faults --locked --no-fail-fast)
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT

# The same packages in each call: cargo would otherwise unite features in another way and compile the
# dependencies once more.
say "building the suites"
"${tests[@]}" --test '*' --no-run 2>&1 | tee "$logs/built"
beside=() last=()
for suite in $(sed -n 's,^ *Executable tests/\([a-z_]*\)\(/main\)\?\.rs (.*,\1,p' "$logs/built"); do
  case " ${alone[*]} " in
  *" $suite "*) last+=(--test "$suite") ;;
  *) beside+=(--test "$suite") ;;
  esac
done

: >"$logs/suites"
(set -o pipefail && "${tests[@]}" "${beside[@]}" 2>&1 | tee "$logs/suites") &
suites=$!
# Cargo holds its build directory until the first suite runs; the compiler of the unit tests would be
# first otherwise, and hold it for minutes.
until grep -q '^ *Running ' "$logs/suites" || ! kill -0 "$suites" 2>/dev/null; do sleep 0.1; done
(nice -n 10 "${tests[@]}" --lib --bins && nice -n 10 "${tests[@]}" --doc) >"$logs/units" 2>&1 &
units=$!

failed=0
wait "$suites" || failed=1
wait "$units" || failed=1
say "the unit tests:"
cat "$logs/units"
say "what is measured:"
"${tests[@]}" "${last[@]}" || failed=1
exit "$failed"
