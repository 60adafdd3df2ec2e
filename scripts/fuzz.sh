#!/usr/bin/env bash
# Fuzzes one target for long: make fuzz TARGET=wal TIME=60s. Without TARGET, lists them. KEEP=40 makes the
# target's checked-in corpus anew of what was found. docs/fuzzing.md tells more.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

targets() { grep -rhoE 'fn fuzz_[a-z0-9_]+' store/src apiserver/src src | sed 's/fn fuzz_//' | sort; }

if [ -z "${TARGET:-}" ]; then
  echo "fuzz: say TARGET=... and TIME=60s; the targets are:" $(targets) >&2
  exit 2
fi
file="$(grep -rlE "fn fuzz_$TARGET\(" store/src apiserver/src src || true)"
case "$file" in
store/*) package=(-p keelson-store --lib) ;;
apiserver/*) package=(-p keelson-apiserver --lib) ;;
src/*) package=(-p keelson --bin keelson) ;;
*) echo "fuzz: there is no target $TARGET; there are:" $(targets) >&2 && exit 2 ;;
esac
case "${TIME:-60s}" in
*h) seconds=$((${TIME%h} * 3600)) ;;
*m) seconds=$((${TIME%m} * 60)) ;;
*) seconds="${TIME:-60s}" && seconds="${seconds%s}" ;;
esac

export RUSTC_WORKSPACE_WRAPPER="$PWD/scripts/fuzz-rustc.sh"
export KEELSON_FUZZ_TIME="$seconds" KEELSON_FUZZ_KEEP="${KEEP:-}" KEELSON_FUZZ_SEED="${SEED:-}" RUST_BACKTRACE=1
running="$KEELSON_CACHE/fuzz/$TARGET/.running"
rm -f "$running"
if cargo test --locked "${package[@]}" "fuzz_$TARGET" -- --nocapture; then
  exit 0
fi
# It failed, and wrote the input down; or it died or hung, and could not.
if [ -f "$running" ] && ! git status --porcelain "fuzz/corpus/$TARGET" 2>/dev/null | grep -q crash-; then
  mkdir -p "fuzz/corpus/$TARGET"
  cp "$running" "fuzz/corpus/$TARGET/crash-$(sha256sum "$running" | cut -c1-16)"
fi
echo "fuzz: what failed is in fuzz/corpus/$TARGET/crash-*; cargo test fuzz_$TARGET runs it again" >&2
exit 1
