#!/usr/bin/env bash
# One campaign of faults against a cluster of real processes; fails when a promise is broken or nobody
# knows. docs/reliability.md says what is broken and what is judged.
#
#   TIME       how long clients work while things break (default 60s)
#   NODES      members (default 3)
#   SEED       decides everything that is chosen (default: the time)
#   WORKLOAD   loads, with commas (default register,watch,lease)
#   NEMESIS    faults, with commas (default kill,power-all,pause,partition,stall)
#   SERVER     keelson or etcd (default keelson)
#   OUT        directory for history, logs and verdict (default jepsen-runs/<time>)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

cargo build --locked -p keelson -p keelson-jepsen --features keelson/faults
exec "$CARGO_TARGET_DIR/debug/keelson-jepsen" run \
  --time "${TIME:-60s}" --nodes "${NODES:-3}" --seed "${SEED:-$(date +%s)}" \
  --workload "${WORKLOAD:-register,watch,lease}" \
  --nemesis "${NEMESIS:-kill,power-all,pause,partition,stall}" \
  --server "${SERVER:-keelson}" --out "${OUT:-jepsen-runs/$(date +%Y%m%d-%H%M%S)}"
