# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared by the files of gpu_check.sh
# What gpu_check.sh finds out about the machine: its card, its toolkit, its libraries.

# Sets card, driver and architecture (may be empty), or no_card and fails.
find_card() {
  local line=""
  if command -v nvidia-smi >/dev/null; then
    line=$(nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader \
      2>/dev/null | head -1) || line=""
    no_card="nvidia-smi lists none"
  else
    no_card="there is no nvidia-smi and no /dev/nvidia0"
    if [ -e /dev/nvidia0 ]; then
      line="$(sed -n 's/^Model:[[:space:]]*//p' /proc/driver/nvidia/gpus/*/information 2>/dev/null |
        head -1), $(grep -oE '[0-9]+\.[0-9.]+' /proc/driver/nvidia/version 2>/dev/null | head -1), "
    fi
  fi
  [ -n "$line" ] || return 1
  IFS=, read -r card driver architecture <<<"$line"
  driver=${driver# }
  architecture=${architecture//[ .]/}
}

# Folders "nvidia" of installed Python packages, one a line.
python_folders() {
  local paths=(/usr/lib/python3*/*-packages /usr/local/lib/python3*/*-packages
    "${HOME:-}"/.local/lib/python3*/site-packages "${VIRTUAL_ENV:-}"/lib/python3*/site-packages)
  if command -v python3 >/dev/null; then
    mapfile -t -O "${#paths[@]}" paths < <(python3 -c 'import sys; print(*sys.path, sep="\n")')
  fi
  local path
  for path in "${paths[@]}"; do
    [ -d "$path/nvidia" ] && echo "$path/nvidia"
  done | sort -u
}

# Exports what CMake and the programs need to find nvcc, cuBLAS and cuDNN.
find_libraries() {
  local folder nvcc library
  mapfile -t packages < <(python_folders)
  if ! command -v nvcc >/dev/null; then
    for nvcc in "${CUDA_HOME:-/usr/local/cuda}"/bin/nvcc /usr/local/cuda*/bin/nvcc \
      "${packages[@]/%//cu13/bin/nvcc}" "${packages[@]/%//cuda_nvcc/bin/nvcc}"; do
      [ -x "$nvcc" ] && export CUDACXX=$nvcc && break
    done
  fi
  for folder in "${packages[@]}"; do
    if [ -z "${CUDNN_ROOT:-}" ] && [ -d "$folder/cudnn" ]; then export CUDNN_ROOT=$folder; fi
    for library in "$folder"/*/lib; do
      LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$library
    done
  done
  export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}
  # Its tools stand beside nvcc, or not on the search path at all.
  PATH=$PATH:$(dirname "${CUDACXX:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}")
  PATH=$PATH:/usr/local/cuda/bin
}
