#!/usr/bin/env bash
# Configures and builds one preset: scripts/build.sh [PRESET] [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-cpu}
shift || true
mkdir -p "build/$preset"
log=build/$preset/configure.log
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
cmake --build --preset "$preset" ${1:+--target "$@"}
