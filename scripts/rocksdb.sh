#!/usr/bin/env bash
# Compiles RocksDB once per machine, outside the checkout, and leaves a static library that every
# build of Keelson links. A quarter of an hour on two cores the first time, nothing afterwards.
#
# Prints the directory of the library on stdout; everything else goes to stderr.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

library_dir="$KEELSON_ROCKSDB_DIR/lib"
if [ -f "$library_dir/librocksdb.a" ]; then
  echo "$library_dir"
  exit 0
fi

echo "rocksdb: compiling $KEELSON_ROCKSDB_VERSION once into $KEELSON_ROCKSDB_DIR (about 15 minutes on two cores)" >&2
work="$KEELSON_CACHE/rocksdb-build"
mkdir -p "$work/src" "$library_dir"
cat > "$work/Cargo.toml" <<EOF
[package]
name = "rocksdb-build"
version = "0.0.0"
edition = "2024"
[dependencies]
librocksdb-sys = { version = "=$KEELSON_ROCKSDB_VERSION", default-features = false, features = ["static", "lz4", "bindgen-runtime"] }
EOF
echo 'fn main() {}' > "$work/src/main.rs"

# Hardware CRC32C and carry-less multiplication: every x86-64 server since 2011 has them.
flags=""
[ "$(uname -m)" = x86_64 ] && flags="-Ctarget-feature=+sse4.2,+pclmulqdq"

started=$(date +%s)
env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC RUSTFLAGS="$flags" CARGO_TARGET_DIR="$work/target" \
  cargo build --release --manifest-path "$work/Cargo.toml" >&2 &
build=$!
while kill -0 "$build" 2>/dev/null; do
  sleep 1
  elapsed=$(( $(date +%s) - started ))
  if [ $(( elapsed % 30 )) -eq 0 ]; then
    objects=$(find "$work/target/release/build" -name '*.o' 2>/dev/null | wc -l)
    echo "rocksdb: ${elapsed} s, ${objects} of about 350 files compiled" >&2
  fi
done
wait "$build"

archive=$(find "$work/target/release/build" -name librocksdb.a | head -n 1)
[ -n "$archive" ] || { echo "rocksdb: the build left no librocksdb.a in $work/target" >&2; exit 1; }
cp "$archive" "$library_dir/librocksdb.a.new"
mv "$library_dir/librocksdb.a.new" "$library_dir/librocksdb.a"
rm -rf "$work"
echo "rocksdb: done in $(( $(date +%s) - started )) s" >&2
echo "$library_dir"
