# Shared by the commands of tools/dev: saying things, installing packages, building.

say() { printf '\n== %s\n' "$*"; }
die() {
  printf 'tools/dev: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "need root for: $* (not root, and there is no sudo)"
  fi
}

# The packages of tools/packages.txt: all of them, or without those marked "# test".
wanted_packages() {
  case $1 in
    all) sed 's/ *#.*//' tools/packages.txt ;;
    run) grep -v '# test' tools/packages.txt | sed 's/ *#.*//' ;;
  esac | grep -v '^$'
}

ensure_packages() {
  local missing
  missing=$(wanted_packages "$1" | while read -r package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done)
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "not a Debian system; install the equivalents of: $(echo $missing)"
  say "installing packages: $(echo $missing)"
  as_root apt-get update -q >/dev/null
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null ||
    die "apt-get could not install: $(echo $missing)"
}

# What a caller of build() adds to cmake's arguments.
configure_options=()

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  say "building ($preset)"
  cmake --preset "$preset" "${configure_options[@]}" >"build-$preset.log" 2>&1 || { cat "build-$preset.log" >&2; rm -f "build-$preset.log"; die "cmake failed"; }
  rm -f "build-$preset.log"
  ninja -C "build/$preset" --quiet "$@"
}

# The checks that need no build; each prints its own findings.
run_checks() {
  say "checks: format, layers, headers, sizes"
  git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs -r clang-format --dry-run -Werror
  python3 tools/check_layers.py
  python3 tools/check_headers.py
  python3 tools/check_sizes.py
}
