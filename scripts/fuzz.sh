#!/usr/bin/env bash
# Runs every fuzz target on its corpus: scripts/fuzz.sh [SECONDS per target, 60] [TARGET ...]
# A finding ends the run; its input lies in build/fuzz/findings. What is worth keeping of the inputs
# that were discovered (build/fuzz/corpus) goes into tests/fuzz/corpus by hand.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzz.cpp; do
    targets+=("$(basename "$source" _fuzz.cpp)")
  done
fi

scripts/build.sh fuzz
mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
  discovered=build/fuzz/corpus/$target
  mkdir -p "$discovered"
  printf '== fuzzing %s for %s s\n' "$target" "$seconds"
  # An input of at most 8 KiB justifies at most 8 MiB (gzip: 1032 times its size).
  log=build/fuzz/$target.log
  if ! "build/fuzz/tests/fuzz/${target}_fuzz" -max_total_time="$seconds" -max_len=8192 \
    -timeout=5 -malloc_limit_mb=16 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/findings/ "$discovered" "tests/fuzz/corpus/$target" \
    >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    exit 1
  fi
  grep -E '^Done|stat::(number_of_executed_units|peak_rss_mb)' "$log"
done
