#!/usr/bin/env bash
# Runs all tests, in three lanes beside each other. The suites under tests/ drive whole clusters and wait
# most of their time: for elections, leases, a client to come back. The unit tests compute, and so does
# their compiler. One after the other a machine stands half idle; beside each other it does not, and the
# unit tests yield (`nice`), so that a cluster is hardly slower than it would be alone.
#
# What the suites of the store print comes as it happens, the other lanes' when those are done.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

# Suites that need the Kubernetes half. A suite that is not named here runs in the lane of the store.
of_kubernetes=(clients hollow kubectl kubernetes loops operator tour)

say() { echo "test: $*" >&2; }
tests=(cargo test --workspace --locked --no-fail-fast)
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT

# The same packages in each call: cargo would otherwise unite features in another way and compile the
# dependencies once more.
say "building the suites"
"${tests[@]}" --test '*' --no-run 2>&1 | tee "$logs/built"
first=() second=()
for suite in $(sed -n 's,^ *Executable tests/\([a-z_]*\)\(/main\)\?\.rs (.*,\1,p' "$logs/built"); do
  case " ${of_kubernetes[*]} " in
  *" $suite "*) second+=(--test "$suite") ;;
  *) first+=(--test "$suite") ;;
  esac
done

: >"$logs/store" >"$logs/kubernetes"
declare -A lanes
(set -o pipefail && "${tests[@]}" "${first[@]}" 2>&1 | tee "$logs/store") &
lanes[store]=$!
"${tests[@]}" "${second[@]}" >"$logs/kubernetes" 2>&1 &
lanes[kubernetes]=$!
# Cargo holds its build directory until the first suite runs; the compiler of the unit tests would be
# first otherwise, and hold it for minutes.
for lane in store kubernetes; do
  until grep -q '^ *Running ' "$logs/$lane" || ! kill -0 "${lanes[$lane]}" 2>/dev/null; do sleep 0.1; done
done
(nice -n 10 "${tests[@]}" --lib --bins && nice -n 10 "${tests[@]}" --doc) >"$logs/units" 2>&1 &
lanes[units]=$!

failed=0
wait "${lanes[store]}" || failed=1
for lane in kubernetes units; do
  wait "${lanes[$lane]}" || failed=1
  say "$lane:"
  cat "$logs/$lane"
done
exit "$failed"
