#!/usr/bin/env bash
# Measures what polder competes with, after showing that both sides do the same work: agree.py, then
# SAM's own part and whole steps in PyTorch and JAX, then all side by side. Prints Markdown; the rows also
# go to FOLDER as JSON.
#   bench/peers/run.sh [--quick] [--preset PRESET] [FOLDER]    FOLDER: build/peers
# A torch or jax that python3 can import is used as it is; missing ones are installed into build/peers/env.
set -euo pipefail
cd "$(dirname "$0")/../.."

quick=() preset=cpu folder=build/peers
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=(--quick) ;;
    --preset) preset=$2 && shift ;;
    -*) echo "run.sh: unknown option $1" >&2 && exit 2 ;;
    *) folder=$1 ;;
  esac
  shift
done
mkdir -p "$folder"
environment=${POLDER_PEERS_ENV:-build/peers/env}

has() { "$1" -c "import $2" 2>/dev/null; }
has_card() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }

# Installs what python3 lacks. Leaves `python`, and says what is missing where nothing can be fetched.
prepare() {
  python=python3
  if has python3 torch && has python3 jax && has python3 optax && has python3 safetensors; then return; fi
  [ -x "$environment/bin/python" ] || python3 -m venv --system-site-packages "$environment"
  python=$environment/bin/python
  local wanted=() line name
  while read -r line; do
    name=${line%%==*}
    has "$python" "$name" && continue
    [ "$name" = jax ] && has_card && line="jax[cuda13]==${line##*==}"
    wanted+=("$line")
  done < <(grep -v '^#' bench/peers/requirements.txt)
  [ ${#wanted[@]} -eq 0 ] && return
  echo "installing into $environment: ${wanted[*]}" >&2
  "$python" -m pip install --quiet "${wanted[@]}" >&2 && return
  echo "run.sh: could not install ${wanted[*]}. Where there is no package index, install them by hand" \
       "(bench/peers/requirements.txt) and run again; what can be imported is measured now." >&2
}

# script NAME ARGUMENTS...: a section of the page, or a line that says why it is missing.
script() {
  local name=$1 package=$2 title=$3
  shift 3
  printf '\n## %s\n\n' "$title"
  if ! has "$python" "$package"; then
    echo "MISSING: $package cannot be imported."
    return
  fi
  "$python" "bench/peers/$name.py" "$@" 2>"$folder/$name.log" || {
    failures=$((failures + 1))
    echo "FAILED: $name.py; the end of $folder/$name.log:"
    tail -5 "$folder/$name.log"
  }
}

prepare
scripts/build.sh "$preset" polder_steps >&2
steps=build/$preset/bench/polder_steps
device=cpu
[ "$preset" = cuda ] && has_card && device=cuda:0
failures=0

echo "# Peers"
printf '\n%s, commit %s\n' "$(date -u +%Y-%m-%d)" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
if has_card; then nvidia-smi --query-gpu=name,driver_version --format=csv,noheader; else echo "No CUDA card."; fi

models=(lenet resnet20 resnet18) turns=()
if [ ${#quick[@]} -gt 0 ]; then
  models=(lenet) turns=(--models lenet --batch 8 --rounds 3 --steps 2)
elif [ "$device" != cpu ]; then
  turns=(--models resnet18 wide_resnet28_10)
fi
competitors=(polder)
has "$python" torch && competitors+=("torch eager" "torch compiled")
has "$python" torch && [ "$device" != cpu ] && competitors+=("torch compiled, graph")
has "$python" jax && competitors+=(jax)

script agree numpy "Both sides do the same work" --polder "$steps" --polder-device "$device" \
  --models "${models[@]}" --batch 4
script sam_update torch "SAM's own part, PyTorch" "${quick[@]}" --json "$folder/sam_update.json"
script sam_step torch "Whole steps, PyTorch" "${quick[@]}" --json "$folder/sam_step.json"
script sam_step_jax jax "Whole steps, JAX" "${quick[@]}" --json "$folder/sam_step_jax.json"
# On the CPU polder's bfloat16 is a reference, not fast: only a card is asked for more than float32.
precisions=(float32)
[ "$device" != cpu ] && precisions+=(tf32 bfloat16)
for precision in "${precisions[@]}"; do
  script side_by_side numpy "Side by side, $precision" --polder "$steps" --polder-device "$device" "${turns[@]}" \
    --precision "$precision" --competitors "${competitors[@]}" --json "$folder/side_by_side_$precision.json"
done
[ "$failures" -eq 0 ]
