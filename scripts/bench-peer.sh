#!/usr/bin/env bash
# Measures bin/keelson against a real etcd: three members each, on this machine, by the same load
# generator, in interleaved rounds with fresh data. Prints medians and their ratios.
#
#   ROUNDS     how often each side is measured (default 3)
#   WORKLOADS  which (default: all)       DURATION  how long each (default 10s)
#   OUT        directory for one JSON file per measurement (default bench-results/<time>)
#   ETCD       the etcd to compare with (default: what scripts/peer-etcd.sh finds)
#   KEELSON    what to start as ours (default "bin/keelson etcd"); the same value as ETCD makes an
#              A/A run, which shows how far ratios can be trusted on this machine
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/cluster.sh

rounds="${ROUNDS:-3}"
duration="${DURATION:-10s}"
workloads="${WORKLOADS:-$all_workloads}"
out="${OUT:-bench-results/$(date +%Y%m%d-%H%M%S)}"
if [ -z "${ETCD:-}" ]; then
  ETCD="$(scripts/peer-etcd.sh | sed -n 's/^ETCD=//p')"
fi
keelson="${KEELSON:-bin/keelson etcd}"
for workload in $workloads; do workload_flags "$workload" >/dev/null; done

mkdir -p "$out"
work="$(mktemp -d "${TMPDIR:-/tmp}/keelson-bench-peer.XXXXXX")"
trap 'cluster_stop; rm -rf "$work"' EXIT

{
  echo "date      $(date -u +%Y-%m-%dT%H:%M:%SZ)"
  echo "commit    $(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo ' with changes')"
  echo "machine   $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), kernel $(uname -r)"
  echo "etcd      $("$ETCD" --version | head -n 1)"
  echo "rounds    $rounds of $duration per workload, 2s warm-up, fresh data, 3 members each"
} | tee "$out/about.txt" >&2

# measure ROUND SIDE PROGRAM...
measure() {
  local round="$1" side="$2" workload flags
  shift 2
  rm -rf "$work/$side"
  sync
  cluster_start "$work/$side" "$@"
  for workload in $workloads; do
    flags="$(workload_flags "$workload")"
    echo "round $round of $rounds, $side, $workload" >&2
    # shellcheck disable=SC2086  # flags are words
    bin/keelson bench $flags --endpoints "$(cluster_endpoints)" --warmup 2s --duration "$duration" \
      -o json >"$out/$round.$side.$workload.json"
  done
  cluster_stop
}

for round in $(seq "$rounds"); do
  # The side that goes first changes with every round: a drift of the machine hits both.
  if [ $((round % 2)) -eq 1 ]; then order="etcd keelson"; else order="keelson etcd"; fi
  for side in $order; do
    # shellcheck disable=SC2086  # a program and its subcommand are words
    if [ "$side" = etcd ]; then measure "$round" etcd "$ETCD"; else measure "$round" keelson $keelson; fi
  done
done

bin/keelson bench-compare "$out" | tee "$out/summary.txt"
echo "all measurements are in $out" >&2
