#!/usr/bin/env bash
# Installs this build into an empty folder and builds and runs a project that knows nothing but
# find_package(polder).
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >/dev/null
flags=()
grep -q '^POLDER_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" &&
  flags=(-DCMAKE_CXX_FLAGS=-fsanitize=address,undefined)
cmake -S "$here/consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$work/prefix" "${flags[@]}" >/dev/null
cmake --build "$work/build"
"$work/build/consumer"
