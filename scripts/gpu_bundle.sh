#!/usr/bin/env bash
# Collects what polder needs beyond compiler, CMake, Ninja and CUDA, for a machine where it cannot be
# installed: headers and libraries of fmt, Eigen, zlib, CLI11, nlohmann-json, toml++, GoogleTest and
# Google Benchmark. Run it on a Debian machine where they are; scripts/gpu_check.sh uses the folder.
#   scripts/gpu_bundle.sh [FOLDER]     FOLDER: build/gpu_bundle (about 20 MB)
# Elsewhere: cmake -C FOLDER/packages.cmake --preset cuda
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-build/gpu_bundle}
packages=(libfmt-dev libfmt9 libeigen3-dev zlib1g-dev zlib1g libcli11-dev nlohmann-json3-dev
  libtomlplusplus-dev libgtest-dev libgmock-dev libbenchmark-dev libbenchmark1debian)

if ! command -v dpkg-query >/dev/null; then
  echo "gpu_bundle: this is not a Debian-like system, and the bundle is made of its packages" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
    missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "gpu_bundle: not installed: ${missing[*]}" >&2
  exit 1
fi

fresh=$(mktemp -d "${TMPDIR:-/tmp}/gpu_bundle.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
{
  dpkg-query -L "${packages[@]}" | grep -E '^/usr/include/[^.]' || true
  dpkg-query -L "${packages[@]}" | grep -E '^/usr/(lib|share)/.*/?cmake/' || true
  dpkg-query -L "${packages[@]}" | grep -E '/lib[a-z]+(_main)?\.(a|so)[^/]*$' || true
} | sort -u | while read -r path; do
  [ -d "$path" ] && continue
  place=$fresh/${path#/}
  place=${place/#$fresh\/usr\//$fresh\/}
  mkdir -p "$(dirname "$place")"
  cp -L "$path" "$place"  # links may not survive the journey
done

# shellcheck disable=SC2016  # the variable is CMake's
# Where CMake finds each package: these folders are not on its list everywhere.
{
  echo '# Initial cache for CMake: the packages of this folder.'
  for name in fmt GTest benchmark tomlplusplus CLI11 nlohmann_json Eigen3; do
    config=$(cd "$fresh" && find . -name "${name}Config.cmake" -o -name "${name}-config.cmake" |
      head -1)
    [ -n "$config" ] || { echo "gpu_bundle: no CMake package of $name" >&2; exit 1; }
    echo "set(${name}_DIR \"\${CMAKE_CURRENT_LIST_DIR}/$(dirname "${config#./}")\" CACHE PATH \"\")"
  done
  echo 'set(ZLIB_ROOT "${CMAKE_CURRENT_LIST_DIR}" CACHE PATH "")'
  library=$(cd "$fresh" && find . -name libz.a | head -1)
  echo 'set(ZLIB_INCLUDE_DIR "${CMAKE_CURRENT_LIST_DIR}/include" CACHE PATH "")'
  echo "set(ZLIB_LIBRARY \"\${CMAKE_CURRENT_LIST_DIR}/${library#./}\" CACHE FILEPATH \"\")"
} >"$fresh/packages.cmake"
dpkg-query -W -f='${Package} ${Version}\n' "${packages[@]}" >"$fresh/versions.txt"

rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
mv "$fresh" "$folder"
trap - EXIT
chmod a+rx "$folder"
du -sh "$folder" | cut -f1
echo "$folder"
