#!/usr/bin/env bash
# Makes each mistake that test builds can make on purpose, and demands that the tests find it.
# docs/reliability.md says which mistakes there are and what finds them.
#
#   ONLY       names of mistakes, with commas (default: all)
#   ROTATE     a text; only the mistake whose turn it is by that text
#   TIME       the longest a hunt may take (default 5m)
#   OUT        directory for the report
#   PACKAGES   what is compiled, as arguments of cargo (default --workspace --features keelson/faults); hunts
#              with anything else say that they could not be
#   PROGRAMS   a file with what cargo said of the programs it built, in JSON (default: they are built)
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/env.sh

programs="${PROGRAMS:-}"
if [ -z "$programs" ]; then
  programs="$(mktemp)"
  trap 'rm -f "$programs"' EXIT
  read -ra packages <<<"${PACKAGES:---workspace --features keelson/faults}"
  build() { cargo "$@" "${packages[@]}" --locked --message-format=json-render-diagnostics >>"$programs"; }
  build build --bins
  build test --lib --test conformance --no-run
fi

arguments=(--programs "$programs" --limit "${TIME:-5m}")
if [ -n "${ONLY:-}" ]; then arguments+=(--only "$ONLY"); fi
if [ -z "${ONLY:-}" ] && [ -n "${ROTATE:-}" ]; then arguments+=(--rotate "$ROTATE"); fi
if [ -n "${OUT:-}" ]; then arguments+=(--out "$OUT"); fi
"$CARGO_TARGET_DIR/debug/keelson-jepsen" planted "${arguments[@]}"
