#!/usr/bin/env bash
# Runs all workloads in turn against one cluster of bin/keelson for a long time and prints memory
# after each turn. Fails when a request failed, a write went missing or a member died.
#
#   DURATION   how long in all, in seconds or like 1h (default 1h)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/cluster.sh

length="${DURATION:-1h}"
case "$length" in
  *h) seconds=$((${length%h} * 3600)) ;;
  *m) seconds=$((${length%m} * 60)) ;;
  *s) seconds="${length%s}" ;;
  *) seconds="$length" ;;
esac
work="$(mktemp -d "${TMPDIR:-/tmp}/keelson-soak.XXXXXX")"
trap 'cluster_stop; rm -rf "$work"' EXIT

cluster_start "$work/data" bin/keelson etcd --auto-compaction-mode revision --auto-compaction-retention 100000
end=$((SECONDS + seconds))
turn=0
while [ "$SECONDS" -lt "$end" ]; do
  turn=$((turn + 1))
  for workload in $all_workloads; do
    report="$work/report.json"
    # shellcheck disable=SC2046  # flags are words
    bin/keelson bench $(workload_flags "$workload") --endpoints "$(cluster_endpoints)" --duration 20s -o json >"$report"
    if ! grep -q '"failed": 0,' "$report" || grep -q '"adds_up": false' "$report"; then
      echo "soak: $workload in turn $turn went wrong:" >&2
      cat "$report" >&2
      exit 1
    fi
  done
  for pid in "${cluster_pids[@]}"; do
    kill -0 "$pid" 2>/dev/null || { echo "soak: a member died in turn $turn" >&2; tail -n 20 "$work"/data/*.log >&2; exit 1; }
    awk -v turn="$turn" -v pid="$pid" '/^VmRSS:/ { printf "turn %d  pid %d  rss %.0f MiB\n", turn, pid, $2 / 1024 }' "/proc/$pid/status"
  done
done
bin/keelson health --endpoints "$(cluster_endpoints)"
