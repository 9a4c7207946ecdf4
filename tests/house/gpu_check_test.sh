#!/usr/bin/env bash
# scripts/gpu_check.sh where there is no card: one sentence, exit status 3, nothing built. And its
# report, on stages and tables made up here.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$1" >&2
  exit 1
}

# A machine without a card is a search path without nvidia-smi.
[ -e /dev/nvidia0 ] && { echo "SKIPPED: there is a card"; exit 77; }
mkdir "$work/bin"
for tool in bash dirname head sed grep; do ln -s "$(command -v "$tool")" "$work/bin/$tool"; done
code=0
said=$(PATH=$work/bin "$root/scripts/gpu_check.sh" build-and-test "$work/results" 2>&1) || code=$?
[ "$code" -eq 3 ] || fail "without a card: exit status $code, wanted 3: $said"
[ "$(wc -l <<<"$said")" -eq 1 ] || fail "without a card: wanted one sentence, found: $said"
grep -q 'no card here' <<<"$said" || fail "without a card: $said"
[ ! -e "$work/results" ] || fail "without a card results were written"

code=0
"$root/scripts/gpu_check.sh" everything 2>/dev/null || code=$?
[ "$code" -eq 2 ] || fail "an unknown mode: exit status $code, wanted 2"

# The report.
source "$root/scripts/gpu_check/report.sh"
kept=$work/stages card='NVIDIA "H200"' driver=570.1
mkdir -p "$kept/build-and-test" "$kept/bench"
printf 'test\tkernels_test\tpassed\t12 tests\t3\n' >"$kept/build-and-test/stages.tsv"
printf 'bench\tflat_bench\tpassed\t\t4\n' >"$kept/bench/stages.tsv"
printf '\n### norm\n\n| | GB/s |\n| --- | ---: |\n| 1 "M" | 4000 |\n| 2 M | - |\n' >"$kept/bench/flat_bench.log"
all_is_well || fail "all passed, and all is not well"
json=$(write_json)
for line in '"card": "NVIDIA  H200 "' '["test", "kernels_test", "passed", "12 tests", "3"],' \
  '["bench", "flat_bench", "passed", "", "4"]' \
  '{"program": "flat_bench", "table": "norm", "columns": ["", "GB/s"], "rows": [["1 \"M\"", "4000"], ["2 M", "-"]]}'; do
  grep -qF "$line" <<<"$json" || fail "results.json lacks $line: $json"
done
if command -v python3 >/dev/null; then
  python3 -c 'import json, sys; json.load(sys.stdin)' <<<"$json" || fail "not JSON: $json"
fi
page=$(write_markdown)
for line in '| test | kernels_test | passed | 12 tests | 3 |' '## flat_bench' '| 2 M | - |'; do
  grep -qF "$line" <<<"$page" || fail "results.md lacks $line: $page"
done
printf 'sanitizer\tmemcheck\tUNFINISHED\t\t9\n' >>"$kept/build-and-test/stages.tsv"
! all_is_well || fail "an unfinished stage went unseen"
