# Sourced by every script and by the Makefile's recipes: where things live between runs.
# Nothing here is inside the checkout, so a fresh clone starts warm.

: "${KEELSON_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/keelson}"
# The version of librocksdb-sys that Cargo.lock pins (through the rocksdb crate).
KEELSON_ROCKSDB_VERSION=0.19.0
KEELSON_ROCKSDB_DIR="$KEELSON_CACHE/rocksdb-$KEELSON_ROCKSDB_VERSION-$(uname -m)"
# One target directory for run, test, bench and CI.
: "${CARGO_TARGET_DIR:=$KEELSON_CACHE/target}"

export KEELSON_CACHE KEELSON_ROCKSDB_VERSION KEELSON_ROCKSDB_DIR CARGO_TARGET_DIR
export ROCKSDB_LIB_DIR="$KEELSON_ROCKSDB_DIR/lib" ROCKSDB_STATIC=1
# Threads of tests: unoptimised code needs more room for the deepest objects that are read.
export RUST_MIN_STACK=16777216
# A fresh checkout is compiled once: what would make the next compilation shorter only makes that one longer.
if [ -n "${CI:-}" ]; then export CARGO_INCREMENTAL=0; fi
