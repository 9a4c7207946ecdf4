#!/usr/bin/env bash
# Fails when a source file is not laid out as clang-format 14 would lay it out.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format --dry-run --Werror
