#!/usr/bin/env bash
# clang-tidy over the sources of the library and the program; warnings are errors (see .clang-tidy).
#   scripts/check_tidy.sh [FILE ...]    default: every source outside tests, bench and docs
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f build/cpu/compile_commands.json ] || scripts/build.sh cpu

if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(git ls-files '*.cpp' | grep -vE '^(tests|bench|docs|kernels/cuda)/')
fi
printf '%s\n' "${files[@]}" |
  xargs -P 2 -n 3 clang-tidy -p build/cpu --quiet --extra-arg=-Wno-unknown-warning-option \
    --extra-arg=-include --extra-arg="$PWD/scripts/tidy/source_location.h" \
    2> >(grep -v 'warnings generated' >&2)
