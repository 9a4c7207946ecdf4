#!/usr/bin/env bash
# For a machine with a card and little else: nvcc, g++, CMake, Ninja, cuDNN and cuBLAS, from a toolkit
# or from Python packages; what else the build needs may come from scripts/gpu_bundle.sh. Two runs,
# each made to fit into ten minutes:
#   scripts/gpu_check.sh build-and-test [FOLDER]   build; all tests; compute-sanitizer on the kernels
#   scripts/gpu_check.sh bench [FOLDER]            the benchmarks, and the peers of bench/peers
# Writes results.json and results.md with card, driver and date to FOLDER (build/gpu_check), from both
# runs, and prints a short table. Exit status: 0 all is well, 1 something failed or did not finish,
# 2 wrong usage, 3 no card here.
# POLDER_BUNDLE: folder of gpu_bundle.sh (build/gpu_bundle); POLDER_SECONDS: time for a run (570);
# POLDER_COMMIT: what to call the sources where there is no git.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case $mode in
  build-and-test | bench) ;;
  *) echo "usage: scripts/gpu_check.sh build-and-test|bench [FOLDER]" >&2; exit 2 ;;
esac
results=${2:-build/gpu_check}
bundle=${POLDER_BUNDLE:-build/gpu_bundle}
limit=${POLDER_SECONDS:-570}
kept=build/gpu_check/stages  # what each run found, until the next run of the same kind

source scripts/gpu_check/machine.sh
source scripts/gpu_check/stages.sh
source scripts/gpu_check/report.sh

find_card || {
  echo "gpu_check: no card here ($no_card), so there is nothing to check."
  exit 3
}
find_libraries
rm -rf "${kept:?}/$mode"
mkdir -p "$kept/$mode" "$results"

build
if [ "$mode" = build-and-test ]; then
  run_tests
  run_sanitizer
else
  run_benchmarks
  run_peers
fi

write_json >"$results/results.json"
write_markdown >"$results/results.md"
print_stages
echo "$results/results.md"
all_is_well
