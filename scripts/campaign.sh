#!/usr/bin/env bash
# Campaign after campaign of faults, with clusters of three and five in turn, each with other loads and faults, those
# first that the ledger still owes, until time is up. Each adds a line to jepsen/ledger.jsonl; what all of them have
# shown goes into docs/reliability.md.
#
#   TIME       begin no campaign after so long (default 1h)
#   RUN        how long each is (default 60s)
#   SEED       decides everything that is chosen (default: the time)
#   LANES      how many clusters are tried at one time (default 1)
#   RATE       operations of one client in a second, at most (default 20)
#   SERVER     keelson or etcd (default keelson)
#   PROGRAMS   directory with `keelson` and `keelson-jepsen` of a test build of this commit (default: they are built)
#   OUT        directory for histories and logs of those that did not pass (default jepsen-runs/<time>)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

if [ -z "${PROGRAMS:-}" ]; then
  # The same packages as the tests have, so that the libraries are there already; judges compute for hours here.
  cargo build --locked --workspace --bins --features keelson/faults \
    --config 'profile.dev.package.keelson-jepsen.opt-level=2'
  PROGRAMS="$CARGO_TARGET_DIR/debug"
fi
# Not the ones that the next build replaces while this goes on.
programs="$(mktemp -d)"
trap 'rm -rf "$programs"' EXIT
cp "$PROGRAMS"/keelson{,-jepsen} "$programs"

seed="${SEED:-$(date +%s)}"
out="${OUT:-jepsen-runs/$(date +%Y%m%d-%H%M%S)}"
label="$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- . ':!jepsen/ledger.jsonl' ':!docs' || echo ', changed')"
if [ "${SERVER:-keelson}" = etcd ]; then
  etcd="$(scripts/peer-etcd.sh | sed -n 's/^ETCD=//p')"
  label="$("$etcd" --version | sed -n 's/^etcd Version: /etcd /p')"
fi
lanes=()
for lane in $(seq "${LANES:-1}"); do
  "$programs/keelson-jepsen" matrix --runs 1000000 --within "${TIME:-1h}" --time "${RUN:-60s}" --rate "${RATE:-20}" \
    --seed $((seed + 1000000 * lane)) --server "${SERVER:-keelson}" --out "$out/$lane" --tidy \
    --ledger jepsen/ledger.jsonl --label "$label" &
  lanes+=($!)
done
failed=0
for lane in "${lanes[@]}"; do wait "$lane" || failed=1; done
"$programs/keelson-jepsen" ledger jepsen/ledger.jsonl jepsen/sim-ledger.jsonl --write docs/reliability.md
"$programs/keelson-jepsen" ledger jepsen/ledger.jsonl jepsen/sim-ledger.jsonl
exit "$failed"
