#!/usr/bin/env bash
# Stands before the compiler of this workspace's crates when they are fuzzed: every edge of their code gets a
# counter (fuzz/src/coverage.rs reads them), and they are optimised, checks included. Dependencies are not
# compiled anew. What generates code, and the counting itself, go without.
set -eu
case " $* " in
*" --crate-name build_script_"* | *" --crate-name keelson_fuzz "* | *" --crate-type proc-macro "*)
  exec "$@"
  ;;
esac
case " $* " in
*" --crate-name "*) ;;
# Cargo asks what kind of compiler this is.
*) exec "$@" ;;
esac
exec "$@" -Copt-level=2 -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=3 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
