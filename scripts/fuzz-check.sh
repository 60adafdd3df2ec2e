#!/usr/bin/env bash
# Whether a long run of fuzzing finds what cannot be found by chance: the target `guided` has something hidden.
set -euo pipefail

cd "$(dirname "$0")/.."
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT

if TARGET=guided TIME=60s CRASHES="$out/crashes" FOUND="$out/found" scripts/fuzz.sh >"$out/log" 2>&1; then
  cat "$out/log" >&2
  echo "fuzz: what was hidden was not found in a minute" >&2
  exit 1
fi
if ! grep -q 'what was hidden is found' "$out/log"; then
  cat "$out/log" >&2
  exit 1
fi
echo "fuzz: what was hidden was found" >&2
