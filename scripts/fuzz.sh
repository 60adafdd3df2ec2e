#!/usr/bin/env bash
# Fuzzes one target for long: make fuzz TARGET=wal TIME=60s. Without TARGET, lists them. KEEP=40 makes the
# target's checked-in corpus anew of what was found. docs/fuzzing.md tells more.
#
# What `cargo bolero test` does, for one test program instead of all of a package: the compiler counts every edge and
# notes every comparison, bolero is told that libFuzzer is its engine, and libFuzzer where inputs lie.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

rooms=(store/src apiserver/src src fuzz/src)
targets() { grep -rhoE 'fn fuzz_[a-z0-9_]+' "${rooms[@]}" | sed 's/fn fuzz_//' | sort; }
say() { echo "fuzz: $*" >&2; }

if [ -z "${TARGET:-}" ]; then
  say "say TARGET=... and TIME=60s; the targets are:" $(targets)
  exit 2
fi
file="$(grep -rlE "fn fuzz_$TARGET\(" "${rooms[@]}" || true)"
case "$file" in
store/*) package=(-p keelson-store --lib) ;;
apiserver/*) package=(-p keelson-apiserver --lib) ;;
fuzz/*) package=(-p keelson-fuzz --lib) ;;
src/*) package=(-p keelson --bin keelson) ;;
*) say "there is no target $TARGET; there are:" $(targets) && exit 2 ;;
esac
case "${TIME:-60s}" in
*h) seconds=$((${TIME%h} * 3600)) ;;
*m) seconds=$((${TIME%m} * 60)) ;;
*) seconds="${TIME:-60s}" && seconds="${seconds%s}" ;;
esac

# For what is compiled for this machine to be run, not for what compiles: hence a target, too.
host="$(rustc -vV | sed -n 's/^host: //p')"
export RUSTFLAGS="--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
  -Cllvm-args=-sanitizer-coverage-stack-depth"
export BOLERO_FUZZER=libfuzzer RUST_BACKTRACE=1
say "compiling fuzz_$TARGET (some minutes the first time)"
built="$(cargo test --locked --profile fuzz --target "$host" "${package[@]}" --no-run --message-format=json-render-diagnostics)"
program="$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' <<<"$built" | tail -1)"
test="$("$program" --list --format terse | sed -n "s/^\(.*fuzz_$TARGET\): test$/\1/p")"

# Cargo would run it there, and tell it so.
root="$PWD"
export CARGO_MANIFEST_DIR="$root/${file%%src/*}"
fuzz() {
  (
    cd "$CARGO_MANIFEST_DIR"
    BOLERO_TEST_NAME="$test" BOLERO_LIBTEST_HARNESS=1 BOLERO_LIBFUZZER_ARGS="$*" \
      "$program" "$test" --exact --nocapture --quiet --test-threads 1
  )
}

corpus="$root/fuzz/corpus/$TARGET"
crashes="${CRASHES:-$corpus}"
found="${FOUND:-$KEELSON_CACHE/fuzz/$TARGET}"
mkdir -p "$found" "$crashes"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
inputs=("$found")
if [ -d "$corpus" ]; then inputs+=("$corpus"); fi
touch "$scratch/began"
# An input may be as long as its target says, which the target sees to.
length="-max_len=1048576"
limits="-timeout=20 -report_slow_units=20 -rss_limit_mb=4096 -artifact_prefix=$crashes/"
if ! fuzz "${inputs[@]}" $length $limits -max_total_time="$seconds" ${SEED:+-seed=$SEED} -print_final_stats=1; then
  crash="$(find "$crashes" -maxdepth 1 -type f -newer "$scratch/began" | head -1)"
  if [ -n "$crash" ]; then
    say "making it smaller"
    smaller="$scratch/smaller"
    fuzz "$crash" -minimize_crash=1 -max_total_time=10 $limits -exact_artifact_path="$smaller" >"$smaller.log" 2>&1 || true
    # What takes too long, or too much memory, stays as it was found.
    [ -s "$smaller" ] || cp "$crash" "$smaller"
    rm "$crash"
    mv "$smaller" "$crashes/crash-$(sha1sum "$smaller" | cut -c1-40)"
  fi
  say "what failed is in $crashes; cargo test fuzz_$TARGET runs it again"
  exit 1
fi

if [ -n "${KEEP:-}" ]; then
  # Short inputs that together reach what all of them reach, and of those so many that stay small together.
  merged="$scratch/merged"
  mkdir "$merged"
  fuzz "$merged" "${inputs[@]}" $length $limits -set_cover_merge=1
  mkdir -p "$corpus"
  find "$corpus" -type f ! -name 'crash-*' -delete
  find "$merged" -type f ! -name 'seed-*' -printf '%s %p\n' | sort -n |
    awk -v most="$KEEP" '{ bytes += $1 } NR <= most && bytes <= 18000 { print $2 }' | xargs -r cp -t "$corpus"
  say "$(find "$corpus" -type f | wc -l) inputs are in $corpus"
fi
