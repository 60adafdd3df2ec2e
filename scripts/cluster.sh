# Sourced by the measuring scripts: starts and stops three members of any program that takes etcd's
# flags. Only processes started here are ever stopped.

cluster_pids=()
cluster_base_port="${BASE_PORT:-32379}"

# The endpoints of the cluster, with commas.
cluster_endpoints() {
  local position list=""
  for position in 0 1 2; do
    list="$list,http://127.0.0.1:$((cluster_base_port + 10 * position))"
  done
  echo "${list#,}"
}

# cluster_start DIRECTORY PROGRAM [ARGUMENT...]: three members with default settings, data under
# DIRECTORY. Returns when the cluster is healthy.
cluster_start() {
  local directory="$1" position name client peer initial=""
  shift
  for position in 0 1 2; do
    initial="$initial,m$position=http://127.0.0.1:$((cluster_base_port + 10 * position + 1))"
  done
  cluster_pids=()
  for position in 0 1 2; do
    name="m$position"
    client="http://127.0.0.1:$((cluster_base_port + 10 * position))"
    peer="http://127.0.0.1:$((cluster_base_port + 10 * position + 1))"
    mkdir -p "$directory"
    "$@" --name "$name" --data-dir "$directory/$name" \
      --listen-client-urls "$client" --advertise-client-urls "$client" \
      --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
      --initial-cluster "${initial#,}" --initial-cluster-token "$(basename "$directory")" \
      --quota-backend-bytes 8589934592 --log-level warn >"$directory/$name.log" 2>&1 &
    cluster_pids+=("$!")
  done
  local tries
  for tries in $(seq 150); do
    if bin/keelson health --endpoints "$(cluster_endpoints)" --timeout 1s >/dev/null 2>&1; then
      return 0
    fi
    for position in 0 1 2; do
      if ! kill -0 "${cluster_pids[$position]}" 2>/dev/null; then
        echo "member m$position ended; its last lines, from $directory/m$position.log:" >&2
        tail -n 5 "$directory/m$position.log" >&2
        return 1
      fi
    done
    sleep 0.2
  done
  echo "the cluster was not healthy within 30 s; its logs are in $directory" >&2
  return 1
}

cluster_stop() {
  local pid tries
  for pid in "${cluster_pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for tries in $(seq 50); do
    local left=0
    for pid in "${cluster_pids[@]}"; do kill -0 "$pid" 2>/dev/null && left=1; done
    [ "$left" -eq 0 ] && break
    sleep 0.1
  done
  for pid in "${cluster_pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  cluster_pids=()
}

# Flags of `keelson bench` for a named workload.
workload_flags() {
  case "$1" in
    put-seq)       echo "put --clients 1 --connections 1 --key-space 100000 --value-size 256" ;;
    put-300)       echo "put --clients 300 --connections 30 --key-space 10000 --value-size 256" ;;
    put)           echo "put --clients 1000 --connections 100 --key-space 100000" ;;
    txn)           echo "txn --clients 100 --connections 100 --key-space 20000" ;;
    get)           echo "get --clients 100 --connections 100 --key-space 20000" ;;
    get-any)       echo "get --serializable --clients 100 --connections 100 --key-space 20000" ;;
    range)         echo "range --clients 4 --connections 4 --key-space 10000 --prefix /keelson-bench/list/" ;;
    watch)         echo "watch --watchers 1000 --streams 100 --connections 10 --clients 10 --rate 50" ;;
    keepalive)     echo "keepalive --clients 100 --connections 10 --leases 10000" ;;
    *) echo "unknown workload $1; known: $all_workloads" >&2; return 2 ;;
  esac
}

all_workloads="put-seq put-300 put txn get get-any range watch keepalive"
