#!/usr/bin/env bash
# Sets up, builds and passes every test: the layout of the sources, the whole suite, the fast suite
# again under the address and undefined-behaviour sanitizers, the device code for a card where nvcc
# is, clang-tidy, the fuzz targets.
#   scripts/test.sh [--quick]     --quick: only the suite
set -euo pipefail
cd "$(dirname "$0")/.."

quick=${1:-}
section() { printf '\n== %s (after %s s)\n' "$1" "$SECONDS"; }

# Without a card the program must start all the same, and say that none is there.
build_for_a_card() {
  if ! command -v nvcc >/dev/null; then
    echo "SKIPPED: no nvcc on the PATH; the kernels were compiled for the emulated device only"
    return
  fi
  scripts/build.sh cuda kernels_test libraries_test
  build/cuda/tests/kernels/kernels_test --gtest_brief=1 --gtest_filter='Card.*'
  build/cuda/tests/kernels/libraries_test --gtest_brief=1
  scripts/check_spills.py
}

section "dependencies"
scripts/install_dependencies.sh test

if [ "$quick" != "--quick" ]; then
  section "format"
  scripts/check_format.sh
  section "sanitizer build"
  scripts/build.sh cpu-debug
  section "tests under the sanitizers"
  ctest --preset cpu-debug --output-on-failure --no-tests=error -j 2 -L fast
fi

section "build"
scripts/build.sh cpu
if [ "$quick" != "--quick" ]; then
  section "build for a card"
  build_for_a_card
  section "clang-tidy"
  scripts/check_tidy.sh
  section "fuzz"
  scripts/fuzz.sh 60
fi
section "tests"
ctest --preset cpu --output-on-failure --no-tests=error -j 2
