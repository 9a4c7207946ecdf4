# shellcheck shell=bash disable=SC2034,SC2154  # variables are shared by the files of gpu_check.sh
# What gpu_check.sh writes: everything both runs left in $kept, as JSON, as Markdown, and in short.

all_stages() { cat "$kept"/{build-and-test,bench}/stages.tsv 2>/dev/null || true; }

cuda_version() {
  "${CUDACXX:-nvcc}" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\).*/\1/p'
}

commit() { git rev-parse --short HEAD 2>/dev/null || echo "${POLDER_COMMIT:-unknown}"; }

# A tab-separated line is a list of strings in JSON.
json_strings='
  function quoted(text) {
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/[[:cntrl:]]/, " ", text)
    return "\"" text "\""
  }
  function list(line,   cells, n, i, text) {
    n = split(line, cells, "\t")
    for (i = 1; i <= n; ++i) text = text (i > 1 ? ", " : "") quoted(cells[i])
    return "[" text "]"
  }'

json_stages() {
  all_stages | awk "$json_strings"'
    { printf "%s    %s", (NR > 1 ? ",\n" : ""), list($0) }
    END { if (NR > 0) print "" }'
}

# The Markdown tables in what the programs printed, each under its heading.
json_tables() {
  local log
  for log in "$kept"/bench/*_bench.log "$kept"/bench/peers.log; do
    [ -f "$log" ] && sed "s|^|$(basename "$log" .log)\t|" "$log"
  done | awk -F'\t' "$json_strings"'
    function cells(row) {
      sub(/^\| */, "", row); sub(/ *\|[ ]*$/, "", row); gsub(/ *\| */, "\t", row)
      return row
    }
    { program = $1; line = substr($0, length($1) + 2) }
    line ~ /^#+ / { title = line; sub(/^#+ */, "", title) }
    line !~ /^\|/ { if (open) printf "]}"; open = 0; next }
    line ~ /^\|[- :|]*-[- :|]*$/ { next }
    !open {
      printf "%s    {\"program\": %s, \"table\": %s, \"columns\": %s, \"rows\": [", \
        (any ? ",\n" : ""), quoted(program), quoted(title), list(cells(line))
      open = any = 1
      rows = 0
      next
    }
    { printf "%s%s", (rows++ ? ", " : ""), list(cells(line)) }
    END { if (open) printf "]}"; if (any) print "" }'
}

write_json() {
  local facts=(card "$card" driver "$driver" cuda "$(cuda_version)" commit "$(commit)"
    date "$(date -u +%Y-%m-%dT%H:%M:%SZ)" machine "$(uname -srm), $(nproc) processors")
  printf '{\n'
  while [ ${#facts[@]} -gt 0 ]; do
    printf '  "%s": "%s",\n' "${facts[0]}" "${facts[1]//[\"\\]/ }"
    facts=("${facts[@]:2}")
  done
  printf '  "stages": [\n%s\n  ],\n' "$(json_stages)"
  printf '  "tables": [\n%s\n  ]\n}\n' "$(json_tables)"
}

stages_table() {
  printf '| stage | name | outcome | detail | seconds |\n| --- | --- | --- | --- | ---: |\n'
  all_stages | awk -F'\t' '{ printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5 }'
}

write_markdown() {
  local log
  printf '# polder on %s\n\n- driver %s, CUDA %s, %s\n- commit %s, %s\n\n' "$card" "$driver" \
    "$(cuda_version)" "$(uname -srm)" "$(commit)" "$(date -u '+%Y-%m-%d %H:%M UTC')"
  stages_table
  for log in "$kept"/bench/*_bench.log "$kept"/bench/peers.log; do
    [ -f "$log" ] || continue
    printf '\n## %s\n' "$(basename "$log" .log)"
    cat "$log"
  done
}

# Short: what failed in full, the rest as names.
print_stages() {
  echo
  echo "$card, driver $driver, $(date -u '+%Y-%m-%d %H:%M UTC')"
  stages_table
}

all_is_well() { ! all_stages | cut -f3 | grep -qE 'FAILED|UNFINISHED'; }
