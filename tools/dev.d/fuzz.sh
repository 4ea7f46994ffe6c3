#!/usr/bin/env bash
# Runs every fuzz target for a few seconds on a copy of its corpus: fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tools/dev.d/common.sh
seconds=${1:-5}

# The programs too: so every library compiles without a warning under the second compiler.
build fuzz fuzz_targets cove cove-vm cove-fetch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# fuzz NAME: one target on its copy of the corpus; what it found is printed and kept.
fuzz() {
  local name=$1
  mkdir -p "$work/$name"
  [ -d "tests/fuzz/corpus/$name" ] && cp -r "tests/fuzz/corpus/$name/." "$work/$name"
  "build/fuzz/bin/${name}_fuzz" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -verbosity=0 \
    -print_final_stats=0 -artifact_prefix="$PWD/build/fuzz/$name-" "$work/$name" >"$work/$name.log" 2>&1 && return 0
  tail -40 "$work/$name.log"
  echo "fuzz target $name found something; the input is build/fuzz/$name-*" >&2
  return 1
}
export -f fuzz
export work seconds
names=$(basename -a -s _fuzz build/fuzz/bin/*_fuzz)
# shellcheck disable=SC2086
printf '%s\n' $names | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}' || die "fuzzing failed"
echo "fuzzed $(wc -w <<<"$names") targets for $seconds s each, nothing found"
