#!/usr/bin/env bash
# Runs the comparison of docs/results.md: Fashion-MNIST with 0, 20 and 40 % symmetric label noise, five
# seeds. An interrupted comparison continues with the runs that are missing. Prints the tables as
# Markdown at the end.
#   scripts/results.sh [FOLDER]     default: runs/results
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-runs/results}
scripts/install_dependencies.sh build
scripts/build.sh cpu polder
for noise in 0.4 0.2 0.0; do
  build/cpu/app/polder compare --config examples/results.toml --label-noise "$noise" \
    --out "$folder/noise-$noise"
done
python3 scripts/results_table.py "$folder"
