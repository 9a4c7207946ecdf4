# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared by the files of gpu_check.sh
# The stages of gpu_check.sh. Each leaves one line in $kept/$mode/stages.tsv:
# stage, name, outcome, detail, seconds. Outcomes: passed, absent, FAILED, UNFINISHED.

note() {
  local IFS=$'\t'
  echo "$*" >>"$kept/$mode/stages.tsv"
}

seconds_left() { echo $((limit - SECONDS > 1 ? limit - SECONDS : 1)); }

# within LIMIT LOG COMMAND ...: its output goes to $kept/$mode/LOG.log. Sets seconds and code.
within() {
  local most=$1 log=$kept/$mode/$2.log start=$SECONDS
  shift 2
  code=0
  timeout -k 5 "$most" "$@" >"$log" 2>&1 || code=$?
  seconds=$((SECONDS - start))
}

outcome_of() {
  case $1 in
    0) echo passed ;;
    124 | 137) echo UNFINISHED ;;
    *) echo FAILED ;;
  esac
}

# Without a build nothing follows: its last words are shown and the run ends.
build() {
  local options=(--preset cuda -DPOLDER_EMULATED=OFF)
  [ -n "$architecture" ] && options+=(-DCMAKE_CUDA_ARCHITECTURES="$architecture-real")
  [ -f "$bundle/packages.cmake" ] && options=(-C "$bundle/packages.cmake" "${options[@]}")
  within "$(seconds_left)" configure cmake "${options[@]}"
  note build configure "$(outcome_of $code)" "" "$seconds"
  if [ $code -eq 0 ]; then
    within "$(seconds_left)" compile cmake --build build/cuda -j "$(nproc)"
    note build compile "$(outcome_of $code)" "" "$seconds"
  fi
  [ $code -eq 0 ] && return
  tail -30 "$kept/$mode/$([ -f "$kept/$mode/compile.log" ] && echo compile || echo configure).log" >&2
  echo "gpu_check: the build did not succeed" >&2
  exit 1
}

programs_in() { find "build/cuda/$1" -type f -name "$2" -perm -u+x | sort; }

# Every test program as a whole, all at once: a process for each test would open the card each time.
run_tests() {
  local program name start=$SECONDS
  for program in $(programs_in tests '*_test'); do
    name=$(basename "$program")
    (
      code=0
      OMP_NUM_THREADS=4 timeout -k 5 "$(seconds_left)" "$program" --gtest_brief=1 \
        --gtest_output="xml:$kept/$mode/$name.xml" >"$kept/$mode/$name.log" 2>&1 || code=$?
      echo "$code $((SECONDS - start))" >"$kept/$mode/$name.end"
    ) &
  done
  wait
  for program in $(programs_in tests '*_test'); do note_test "$(basename "$program")"; done
  build/cuda/tests/kernels/describe_card >"$results/card.json" || true
}

note_test() {
  local name=$1 xml=$kept/$mode/$1.xml code seconds tests=0 failures=0 skipped=0 on_card=0 outcome
  read -r code seconds <"$kept/$mode/$name.end"
  outcome=$(outcome_of "$code")
  if [ -f "$xml" ]; then
    tests=$(sed -n 's/^<testsuites tests="\([0-9]*\)".*/\1/p' "$xml")
    failures=$(sed -n 's/^<testsuites .*failures="\([0-9]*\)".*/\1/p' "$xml")
    skipped=$(grep -c '<skipped' "$xml" || true)
    on_card=$(grep -cE '<testcase name="[^"]*cuda0' "$xml" || true)
  fi
  # A suite that never met the card has shown nothing about it.
  [ "$name" = kernels_test ] && [ "$on_card" -eq 0 ] && outcome=FAILED
  note test "$name" "$outcome" \
    "$tests tests, $failures failed, $skipped skipped, $on_card on the card by name" "$seconds"
}

# The kernel tests on the card under each tool, with an equal share of the time that is left.
run_sanitizer() {
  local tool found left=3
  if ! command -v compute-sanitizer >/dev/null; then
    note sanitizer compute-sanitizer absent "" 0
    return
  fi
  for tool in memcheck racecheck synccheck; do
    within $(($(seconds_left) / left)) "$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 \
      build/cuda/tests/kernels/kernels_test --gtest_brief=1 --gtest_filter='*cuda0*'
    found=$(grep -E 'SUMMARY' "$kept/$mode/$tool.log" | tail -1 | sed 's/^=* *//' || true)
    note sanitizer "$tool" "$(outcome_of $code)" "$found" "$seconds"
    left=$((left - 1))
  done
}

run_benchmarks() {
  local program programs left
  mapfile -t programs < <(programs_in bench '*_bench')
  left=$((${#programs[@]} + 1))  # one share for the peers
  for program in "${programs[@]}"; do
    within $(($(seconds_left) / left)) "$(basename "$program")" "$program"
    note bench "$(basename "$program")" "$(outcome_of $code)" "" "$seconds"
    left=$((left - 1))
  done
}

# bench/peers/run.sh prints Markdown tables; 77: none of the peers is installed.
run_peers() {
  if [ ! -x bench/peers/run.sh ]; then
    note peers bench/peers absent "" 0
    return
  fi
  within "$(seconds_left)" peers bench/peers/run.sh build/cuda
  if [ $code -eq 77 ]; then
    note peers bench/peers absent "$(tail -1 "$kept/$mode/peers.log")" "$seconds"
  else
    note peers bench/peers "$(outcome_of $code)" "" "$seconds"
  fi
}
