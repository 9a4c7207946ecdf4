#!/usr/bin/env bash
# Installs what polder needs and this machine lacks (Debian and its relatives); elsewhere names what
# is missing and how to get it.
#   scripts/install_dependencies.sh [build|test]     test = build + checkers and the fuzzer
set -euo pipefail

group=${1:-build}
wanted=(g++ cmake ninja-build ccache mold libeigen3-dev libfmt-dev libcli11-dev
  nlohmann-json3-dev libtomlplusplus-dev zlib1g-dev libbenchmark-dev libgtest-dev libgmock-dev
  dataset-fashion-mnist)
case $group in
  build) ;;
  test) wanted+=(clang clang-format clang-tidy libclang-rt-14-dev python3 git) ;;
  *) echo "install_dependencies: \"$group\" is neither build nor test" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  [ -n "${POLDER_SKIP_INSTALL:-}" ] && exit 0
  cat >&2 <<TEXT
install_dependencies: this is not a Debian-like system, so nothing was installed.
polder needs, by their Debian names: ${wanted[*]}
Elsewhere: a C++20 compiler (g++ >= 12), CMake >= 3.25, Ninja, Eigen >= 3.4, fmt >= 9, CLI11 >= 2.1,
nlohmann-json >= 3.11, toml++ >= 3.3, zlib, Google Benchmark, GoogleTest; the four Fashion-MNIST .gz
files (github.com/zalandoresearch/fashion-mnist) in a folder named by POLDER_DATA.
Set POLDER_SKIP_INSTALL=1 once they are there.
TEXT
  exit 1
fi

# A compiler or tool that is already here counts, wherever it came from.
is_present() {
  case $1 in
    g++ | cmake | ccache | mold | clang | clang-format | clang-tidy | python3 | git)
      command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    *) dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' ;;
  esac
}

missing=()
for package in "${wanted[@]}"; do
  is_present "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install_dependencies: missing packages, and neither root nor sudo: as root, run" >&2
    echo "  apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
  --no-install-recommends "${missing[@]}" >/dev/null
