# `tools/dev uninstall PREFIX` takes away what install made, and says so only if there was something.
set -euo pipefail
dev=$1
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
fail() {
  echo "FAILED: $*"
  exit 1
}

for place in "$prefix" "$prefix/nowhere"; do
  status=0
  said=$("$dev" uninstall "$place" 2>&1) || status=$?
  [ "$status" = 1 ] || fail "status $status for $place without a cove: $said"
  [[ $said == *"there is no cove in $place"* && $said != *removed* ]] || fail "$said"
done

mkdir -p "$prefix/bin" "$prefix/libexec/cove"
touch "$prefix/bin/cove" "$prefix/bin/other" "$prefix/libexec/cove/cove-vm"
said=$("$dev" uninstall "$prefix") || fail "could not remove: $said"
[ "$(cd "$prefix" && find . | sort | tr '\n' ' ')" = ". ./bin ./bin/other " ] || fail "left: $(find "$prefix")"

mkdir -p "$prefix/libexec/cove" "$prefix/libexec/others"
"$dev" uninstall "$prefix" >/dev/null
[ -d "$prefix/libexec/others" ] || fail "others' programs were removed"
