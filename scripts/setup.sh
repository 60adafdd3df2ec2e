#!/usr/bin/env bash
# Makes this machine able to build Keelson. Does nothing where nothing is missing.
#
# Needed: Rust (through rustup, not installed from here), a C and C++ compiler and libclang for
# RocksDB, make; iproute2 and util-linux for tests that cut members off. On Debian and its relatives the
# missing packages are installed, as root or by sudo.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

say() { echo "setup: $*" >&2; }

if ! command -v cargo >/dev/null; then
  say "cargo is missing. Install Rust with rustup (https://rustup.rs), then run this again."
  exit 1
fi
wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
have="$(rustc --version | cut -d' ' -f2)"
if [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" != "$wanted" ]; then
  say "Rust $wanted or newer is needed and $have is installed. Run: rustup update stable"
  exit 1
fi

# libclang is looked for where bindgen looks.
has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] || ldconfig -p 2>/dev/null | grep -q libclang ||
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null
}

missing=()
command -v clang >/dev/null || missing+=(clang)
has_libclang || missing+=(libclang-dev)
command -v gcc >/dev/null || missing+=(gcc)
command -v g++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v ip >/dev/null || missing+=(iproute2)
{ command -v unshare && command -v nsenter; } >/dev/null || missing+=(util-linux)

if [ "${#missing[@]}" -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && as_root=(sudo)
  fi
  if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && [ "${#as_root[@]}" -eq 0 ]; }; then
    say "these are missing, and they cannot be installed from here: ${missing[*]}"
    say "install them with your package manager (the names are Debian's), then run this again."
    exit 1
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

scripts/rocksdb.sh >/dev/null
