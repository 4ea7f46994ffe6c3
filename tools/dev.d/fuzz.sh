#!/usr/bin/env bash
# Runs every fuzz target for a few seconds on a copy of its corpus: fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tools/dev.d/common.sh
seconds=${1:-5}

build fuzz fuzz_targets
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0
for program in build/fuzz/bin/*_fuzz; do
  name=$(basename "$program" _fuzz)
  mkdir -p "$work/$name"
  [ -d "tests/fuzz/corpus/$name" ] && cp -r "tests/fuzz/corpus/$name/." "$work/$name"
  if ! "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -verbosity=0 -print_final_stats=0 \
    -artifact_prefix="$PWD/build/fuzz/$name-" "$work/$name" >"$work/$name.log" 2>&1; then
    tail -40 "$work/$name.log"
    die "fuzz target $name found something; the input is build/fuzz/$name-*"
  fi
  ran=$((ran + 1))
done
echo "fuzzed $ran targets for $seconds s each, nothing found"
