#!/usr/bin/env bash
# From a fresh clone to a report: installs what is missing, builds, trains a small convolutional network
# on Fashion-MNIST with noisy labels by SGD, SAM and SAM with a learned radius (LETS-SAM), prints a
# table and leaves one HTML report.
#   scripts/demo.sh [FOLDER]     default: runs/demo
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-runs/demo}
scripts/install_dependencies.sh build
scripts/build.sh cpu polder
build/cpu/app/polder compare --config examples/demo.toml --out "$folder"
