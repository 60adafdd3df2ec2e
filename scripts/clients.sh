#!/usr/bin/env bash
# Programs that use unmodified client libraries of Kubernetes, for tests/clients: built once, kept outside the
# checkout, built again when their source or their pins change. Prints the program's path. Exit code 3: it
# cannot be had here.
#
#   scripts/clients.sh go       client-go (Go modules)
#   scripts/clients.sh rust     kube-rs (crates)
#   scripts/clients.sh python   the Python client (wheels)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

kind=${1:-}
say() { echo "clients: $*" >&2; }
missing() {
  say "$*"
  exit 3
}

case $kind in
go) source=tests/peer/client-go ;;
rust) source=tests/peer/kube-rs ;;
python) source=tests/peer/python ;;
*)
  say "say which one: go, rust or python"
  exit 2
  ;;
esac
directory="$KEELSON_CACHE/clients/$kind"
mkdir -p "$directory"
# Tests that run side by side ask at the same time; one of them builds and the others wait for it.
exec 9>"$directory/lock"
flock 9

if [ "$kind" = rust ]; then
  # Cargo itself knows what has changed. The directory is not the one of the workspace: another cargo may be
  # building there for minutes, and this one would wait for it.
  target="$directory/target"
  cargo fetch --locked --quiet --manifest-path "$source/Cargo.toml" >&2 || missing "the crates cannot be had here"
  cargo build --locked --quiet --manifest-path "$source/Cargo.toml" --target-dir "$target" >&2
  echo "$target/debug/keelson-kube-rs-client"
  exit 0
fi

stamp=$(cat "$source"/* scripts/clients.sh | sha256sum | cut -c1-32)
program="$directory/$stamp/client"
if [ -x "$program" ]; then
  echo "$program"
  exit 0
fi
work=$(mktemp -d "$directory/.part-XXXXXX")
trap 'rm -rf "$work"' EXIT

build_go() {
  command -v go >/dev/null || missing "no Go toolchain"
  export GOTOOLCHAIN=auto GOFLAGS=-mod=readonly
  (cd "$source" && go mod download) >&2 || missing "the Go modules cannot be had here"
  say "building with client-go (a minute or two the first time)"
  (cd "$source" && go build -trimpath -ldflags=-s -o "$work/client" .) >&2
}

build_python() {
  command -v python3 >/dev/null || missing "no Python"
  say "getting the Python client (3 MB)"
  python3 -m pip install --quiet --root-user-action=ignore --no-deps --no-compile \
    --target "$work/lib" --requirement "$source/requirements.txt" >&2 ||
    missing "the wheels cannot be had here"
  cp "$source/client.py" "$work/"
  cat >"$work/client" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$0")
PYTHONPATH="$here/lib" exec python3 "$here/client.py" "$@"
WRAPPER
  chmod 755 "$work/client"
}

"build_$kind"
mv "$work" "$directory/$stamp"
trap - EXIT
chmod 755 "$directory/$stamp"
echo "$program"
