#!/usr/bin/env bash
# Runs the experiments behind "Why the learned radius ends where it ends" in docs/results.md, three
# seeds that no setting was picked on. An interrupted study continues with the parts that are
# missing. Prints the tables as Markdown and draws FOLDER/radius_study.svg.
#   scripts/radius_study.sh [FOLDER]     default: runs/radius_study
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-runs/radius_study}
scripts/install_dependencies.sh build
scripts/build.sh cpu radius_study
mkdir -p "$folder"
for seed in 11 12 13; do
  for experiment in radii slopes horizon learning; do
    part=$folder/$experiment-$seed.jsonl
    [ -f "$part" ] && continue
    echo "$experiment, seed $seed" >&2
    build/cpu/examples/radius_study "$experiment" --config examples/results.toml \
      --label-noise 0.4 --seed "$seed" >"$part.unfinished"
    mv "$part.unfinished" "$part"
  done
done
python3 scripts/radius_study_tables.py "$folder"
