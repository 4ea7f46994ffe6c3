ensure_packages all
run_checks
say "clang-tidy on what changed since ${LINT_BASE:-HEAD}"
cmake --preset clang >/dev/null
mapfile -t changed < <({ git diff --name-only "${LINT_BASE:-HEAD}" -- 'src/*.cpp'; git ls-files -o --exclude-standard 'src/*.cpp'; } | sort -u)
[ ${#changed[@]} = 0 ] && [ "${1:-}" != -all ] && { echo "nothing changed"; exit 0; }
[ "${1:-}" = -all ] && mapfile -t changed < <(git ls-files 'src/*.cpp')
build clang
printf '%s\n' "${changed[@]}" | xargs -P 2 -n 4 clang-tidy -p build/clang --quiet
