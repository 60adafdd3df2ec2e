#!/usr/bin/env bash
# Makes this machine able to build Keelson. Does nothing where nothing is missing.
#
# Needed: Rust (through rustup, not installed from here), a C and C++ compiler and libclang for
# RocksDB, make; iproute2 and util-linux for tests that cut members off. Without nftables, strace or e2fsprogs some
# faults of a campaign are skipped, and it says so. On Debian and its relatives the missing packages are installed, as
# root or by sudo.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

say() { echo "setup: $*" >&2; }

if ! command -v cargo >/dev/null; then
  say "cargo is missing. Install Rust with rustup (https://rustup.rs), then run this again."
  exit 1
fi
least="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
have="$(rustc --version | cut -d' ' -f2)"
if [ "$(printf '%s\n%s\n' "$least" "$have" | sort -V | head -n 1)" != "$least" ]; then
  say "Rust $least or newer is needed and $have is installed. Run: rustup update stable"
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

# Only faults need these.
wanted=()
command -v nft >/dev/null || wanted+=(nftables)
command -v strace >/dev/null || wanted+=(strace)
command -v mkfs.ext4 >/dev/null || wanted+=(e2fsprogs)

as_root=()
if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null; then as_root=(sudo); fi
can_install() { command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || [ "${#as_root[@]}" -gt 0 ]; }; }
install_packages() {
  say "installing $*"
  "${as_root[@]}" apt-get update -qq >&2 &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

if [ "${#missing[@]}" -gt 0 ]; then
  if ! can_install; then
    say "these are missing, and they cannot be installed from here: ${missing[*]}"
    say "install them with your package manager (the names are Debian's), then run this again."
    exit 1
  fi
  install_packages "${missing[@]}"
fi
if [ "${#wanted[@]}" -gt 0 ]; then
  if ! can_install || ! install_packages "${wanted[@]}"; then
    say "SKIPPED: ${wanted[*]} cannot be installed from here; faults that need them will be skipped"
  fi
fi

scripts/rocksdb.sh >/dev/null
