#!/usr/bin/env bash
# Says where the policy is that Kubernetes' own tests expect of a new cluster, for tests/policy.rs, which
# compares ours with it. Exits with 3 and says SKIPPED if the release's Go module cannot be had.
#
#   scripts/policy.sh          prints a directory of YAML files
#
# Nothing of the module is kept but in Go's own cache of modules.
set -euo pipefail

# To move to another release: these two lines, then what the test says is different.
release=v1.35.0
sum=h1:PUOojD8c8E3csMP5NX+nLLne6SGqZjrYCscptyBfWMY=

skip() { echo "policy: SKIPPED: $*" >&2; exit 3; }

command -v go >/dev/null || skip "no Go toolchain"
command -v python3 >/dev/null || skip "no Python"
cd "$(mktemp -d)"
trap 'rmdir "$PWD"' EXIT
module="$(GOTOOLCHAIN=auto GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@$release" 2>/dev/null)" \
  || skip "the Go module cannot be had"
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <<<"$module"; }
[ "$(field Sum)" = "$sum" ] || { echo "policy: the module is not the one that was looked at" >&2; exit 1; }
echo "$(field Dir)/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata"
