#!/usr/bin/env bash
# A long run against three members of bin/keelson, and the check that it leaves no trace: memory and
# disk stay under a stated bound, and stop growing.
#
# First PUTS puts over 100 000 keys while the leader compacts to the last 10 000 revisions; then all
# workloads in turn for DURATION. Fails when a request failed, a write went missing, a member died or
# a bound was passed.
#
#   PUTS           how many (default 10000000)
#   DURATION       how long the workloads take turns, in seconds or like 1h (default 10m; 0 for none)
#   RSS_MAX_MIB    most resident memory of a member during the puts (default 512)
#   DISK_MAX_MIB   most disk of a member during the puts (default 640)
#   GROWTH_MAX     most growth of either in the last half of the puts, in percent (default 15)
#   OUT            file for the samples (default soak-results/<time>.csv)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh
. scripts/cluster.sh

puts="${PUTS:-10000000}"
length="${DURATION:-10m}"
rss_max="${RSS_MAX_MIB:-512}"
disk_max="${DISK_MAX_MIB:-640}"
growth_max="${GROWTH_MAX:-15}"
samples="${OUT:-soak-results/$(date +%Y%m%d-%H%M%S).csv}"
case "$length" in
  *h) seconds=$((${length%h} * 3600)) ;;
  *m) seconds=$((${length%m} * 60)) ;;
  *s) seconds="${length%s}" ;;
  *) seconds="$length" ;;
esac
mkdir -p "$(dirname "$samples")"
work="$(mktemp -d "${TMPDIR:-/tmp}/keelson-soak.XXXXXX")"
sampler=""
trap '[ -z "$sampler" ] || kill "$sampler" 2>/dev/null || true; cluster_stop; rm -rf "$work"' EXIT

fail() {
  echo "soak: $*" >&2
  tail -n 20 "$work"/data/*.log >&2
  exit 1
}

# sample: one line per member: seconds, member, resident and disk in MiB.
sample() {
  local position pid rss disk
  for position in 0 1 2; do
    pid="${cluster_pids[$position]}"
    rss="$(awk '/^VmRSS:/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status")"
    # Files come and go while they are counted.
    disk="$(du -sm "$work/data/m$position" 2>/dev/null | cut -f1)"
    echo "$SECONDS,m$position,$rss,$disk"
  done >>"$samples"
}

# judge: the highest value of each half and the bounds.
judge() {
  awk -F, -v rss_max="$rss_max" -v disk_max="$disk_max" -v growth_max="$growth_max" '
    NR == 1 { next }
    { time[NR] = $1; rss[NR] = $3; disk[NR] = $4; if ($1 > last) last = $1 }
    function peak(values, from, to,    at, highest) {
      for (at in values) if (time[at] >= from && time[at] <= to && values[at] + 0 > highest) highest = values[at] + 0
      return highest
    }
    function check(name, values, most,    before, after, growth) {
      before = peak(values, last / 4, last / 2); after = peak(values, last / 2, last)
      growth = before ? 100 * (after - before) / before : 0
      printf "%-5s  second quarter %d MiB, last half %d MiB (%+.0f %%), bound %d MiB\n", name, before, after, growth, most
      if (after > most || growth > growth_max) bad = 1
    }
    END { check("rss", rss, rss_max); check("disk", disk, disk_max); exit bad }' "$samples"
}

cluster_start "$work/data" bin/keelson etcd --auto-compaction-mode revision --auto-compaction-retention 10000
if [ "$puts" -gt 0 ]; then
  echo "seconds,member,rss_mib,disk_mib" >"$samples"
  SECONDS=0
  while sleep 5; do sample; done &
  sampler=$!
  report="$work/report.json"
  bin/keelson bench put --clients 300 --connections 30 --key-space 100000 --value-size 256 --warmup 0s \
    --total "$puts" --endpoints "$(cluster_endpoints)" -o json >"$report" || fail "the puts failed"
  kill "$sampler"
  sampler=""
  grep -q '"failed": 0,' "$report" || fail "puts failed: $(cat "$report")"
  ! grep -q '"adds_up": false' "$report" || fail "puts went missing: $(cat "$report")"
  echo "$puts puts in $SECONDS s; samples in $samples"
  judge || fail "memory or disk is not bounded; samples in $samples"
fi

end=$((SECONDS + seconds))
turn=0
while [ "$SECONDS" -lt "$end" ]; do
  turn=$((turn + 1))
  for workload in $all_workloads; do
    report="$work/report.json"
    # shellcheck disable=SC2046  # flags are words
    bin/keelson bench $(workload_flags "$workload") --endpoints "$(cluster_endpoints)" --duration 20s -o json >"$report"
    if ! grep -q '"failed": 0,' "$report" || grep -q '"adds_up": false' "$report"; then
      fail "$workload in turn $turn went wrong: $(cat "$report")"
    fi
  done
  for pid in "${cluster_pids[@]}"; do
    kill -0 "$pid" 2>/dev/null || fail "a member died in turn $turn"
    awk -v turn="$turn" -v pid="$pid" '/^VmRSS:/ { printf "turn %d  pid %d  rss %.0f MiB\n", turn, pid, $2 / 1024 }' "/proc/$pid/status"
  done
done
bin/keelson health --endpoints "$(cluster_endpoints)"
