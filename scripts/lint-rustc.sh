#!/usr/bin/env bash
# What cargo starts instead of rustc for crates of ours when scripts/test.sh builds: Clippy, which compiles as
# well, so that nothing is read, typed and borrow-checked twice.
#
# The store as the suites run it is left to rustc: Clippy hands on code that is not simplified yet, which costs
# nothing where nothing is optimised, and here half as much again. Its lints come with its unit tests, which are
# the same source and more.
set -euo pipefail

case " $* " in
*" --crate-name keelson_store "*)
  case " $* " in
  *" --test "*) exec clippy-driver "$@" ;;
  *) exec "$@" -D warnings ;;
  esac
  ;;
*) exec clippy-driver "$@" ;;
esac
