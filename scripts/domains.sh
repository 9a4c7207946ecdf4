#!/usr/bin/env bash
# Runs the comparison of docs/methods/sagm.md: Fashion-MNIST under six angles, each left out once for
# the test. An interrupted comparison continues with the runs that are missing. Prints the table as
# Markdown at the end.
#   scripts/domains.sh [FOLDER [OPTION ...]]     default: runs/domains; options of polder compare
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-runs/domains}
shift || true
scripts/install_dependencies.sh build
scripts/build.sh cpu polder
for angle in 0 15 30 45 60 75; do
  build/cpu/app/polder compare --config examples/domains.toml --leave-out "$angle" \
    --out "$folder/without-$angle" "$@"
done
python3 scripts/domains_table.py "$folder"
