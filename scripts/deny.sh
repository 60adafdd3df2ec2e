#!/usr/bin/env bash
# Licences, sources and advisories of all dependencies, by cargo-deny (see deny.toml). The tool is
# compiled once into the cache. Where it cannot be had, or the list of advisories cannot be fetched,
# this says so loudly and does not fail: neither is the change's fault.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

version=0.20.2
tool="$KEELSON_CACHE/tools/cargo-deny-$version"
say() { echo "deny: $*" >&2; }

if [ ! -x "$tool/bin/cargo-deny" ]; then
  say "compiling cargo-deny $version once into $tool (some minutes)"
  if ! env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC CARGO_TARGET_DIR="$KEELSON_CACHE/deny-build" \
    cargo install cargo-deny --version "=$version" --locked --root "$tool" >&2; then
    say "SKIPPED: cargo-deny $version cannot be installed here"
    exit 0
  fi
  rm -rf "$KEELSON_CACHE/deny-build"
fi
PATH="$tool/bin:$PATH"

cargo deny --all-features check bans licenses sources >&2
if cargo deny --all-features fetch db >/dev/null 2>&1; then
  cargo deny --all-features check --disable-fetch advisories >&2
else
  say "SKIPPED: advisories, because their list cannot be fetched"
fi
