#!/usr/bin/env bash
# Builds and runs every benchmark and writes one Markdown page: the machine, the commands, the
# tables. On a busy machine believe the ratios, not the times.
#   bench/run.sh [PAGE]     PAGE: build/cpu/bench/results.md
# OMP_NUM_THREADS=1 measures one thread, by the processor time it uses.
set -euo pipefail
cd "$(dirname "$0")/.."

page=${1:-build/cpu/bench/results.md}
programs=(flat_bench matmul_bench conv2d_bench training_step_bench rules_bench)
scripts/build.sh cpu "${programs[@]}" >&2

cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1)
fresh=$(mktemp "$(dirname "$page")/results.XXXXXX")
trap 'rm -f "$fresh"' EXIT
{
  echo "# Benchmark results"
  echo
  echo "- date: $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
  echo "- machine: ${cpu:-unknown CPU}, $(nproc --all) processors, $(uname -sr)"
  echo "- compiler: $(c++ --version | head -1)"
  echo "- threads: ${OMP_NUM_THREADS:-$(nproc)}, load when started: $(cut -d' ' -f1-3 /proc/loadavg)"
  echo "- command: \`${OMP_NUM_THREADS:+OMP_NUM_THREADS=$OMP_NUM_THREADS }bench/run.sh\`"
  for program in "${programs[@]}"; do
    printf '\n## %s\n' "$program"
    "build/cpu/bench/$program"
  done
  printf '\nLoad when finished: %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
} >"$fresh"
chmod a+r "$fresh"
mv "$fresh" "$page"
trap - EXIT
echo "$page"
