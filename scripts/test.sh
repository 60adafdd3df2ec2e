#!/usr/bin/env bash
# Runs all tests, in two lanes beside each other. The suites under tests/ drive whole clusters and wait
# most of their time: for elections, leases, a client to come back. The unit tests compute, and so does
# their compiler. One after the other a machine stands half idle; beside each other it does not, and the
# unit tests yield (`nice`), so that a cluster is not slower than it would be alone.
#
# What the first lane prints comes as it happens, the second lane's when the first is done.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

say() { echo "test: $*" >&2; }
tests=(cargo test --workspace --locked --no-fail-fast)

# The same packages in each call: cargo would otherwise unite features in another way and compile the
# dependencies once more.
say "building the suites of clusters"
"${tests[@]}" --test '*' --no-run

logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
: >"$logs/suites"

(set -o pipefail && "${tests[@]}" --test '*' 2>&1 | tee "$logs/suites") &
suites=$!
# Cargo holds its build directory until the first suite runs; the other lane would be first otherwise,
# and hold it for minutes.
until grep -q '^ *Running ' "$logs/suites" || ! kill -0 "$suites" 2>/dev/null; do sleep 0.1; done

(nice -n 10 "${tests[@]}" --lib --bins && nice -n 10 "${tests[@]}" --doc) >"$logs/units" 2>&1 &
units=$!

failed=0
wait "$suites" || failed=1
say "the suites of clusters are done; the unit tests said:"
wait "$units" || failed=1
cat "$logs/units"
exit "$failed"
