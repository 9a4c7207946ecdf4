#!/usr/bin/env bash
# Runs the table of all rules in docs/results.md: Fashion-MNIST with 40 % symmetric label noise, every
# rule at the same number of gradient evaluations, three seeds; and plain SGD at parts of that budget,
# because fewer steps alone already learn fewer wrong labels by heart. sam_on is compared on a network
# with normalisation layers. An interrupted comparison continues with the runs that are missing. Prints
# the tables as Markdown and draws FOLDER/all_rules.svg.
#   scripts/all_rules.sh [FOLDER [OPTION ...]]     default: runs/all_rules; options of polder compare
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-runs/all_rules}
shift || true
options=("$@")
scripts/install_dependencies.sh build
scripts/build.sh cpu polder
compare() {
  build/cpu/app/polder compare --config examples/all_rules.toml --threads 1 "${options[@]}" "$@"
}
compare --out "$folder/equal"
# Steps, epochs and warm-up in proportion: what rules get that cost 2, 3 and 6 evaluations a step.
compare --rules none --epochs 15 --warmup 50 --out "$folder/plain-half"
compare --rules none --epochs 10 --warmup 33 --out "$folder/plain-third"
compare --rules none --epochs 5 --warmup 17 --out "$folder/plain-sixth"
# What its own learning rate, or another base optimizer, belongs to.
compare --rules bayes_sam --lr 0.5 --out "$folder/bayes_sam"
compare --rules none sam --optimizer amsgrad --lr 0.001 --out "$folder/amsgrad"
compare --rules none sam sam:rho=0.5 sam_on --model resnet20 --activation "" --eval-every 10000 \
  --out "$folder/norms"
python3 scripts/all_rules_table.py "$folder"
