#!/usr/bin/env bash
# Measures a fresh cluster of three members of bin/keelson, one workload after the other.
#
#   WORKLOADS  which (default: all)       DURATION  how long each (default 10s)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/cluster.sh

work="$(mktemp -d "${TMPDIR:-/tmp}/keelson-bench.XXXXXX")"
trap 'cluster_stop; rm -rf "$work"' EXIT

cluster_start "$work/data" bin/keelson etcd
for workload in ${WORKLOADS:-$all_workloads}; do
  flags="$(workload_flags "$workload")"
  echo "# $workload: keelson bench $flags"
  # shellcheck disable=SC2086  # flags are words
  bin/keelson bench $flags --endpoints "$(cluster_endpoints)" --warmup 2s --duration "${DURATION:-10s}"
done
