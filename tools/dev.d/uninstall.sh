prefix=${1:-/usr/local}
remover=()
[ -w "$prefix/bin" ] || remover=(as_root)
"${remover[@]}" rm -f "$prefix/bin/cove"
"${remover[@]}" rm -rf "$prefix/libexec/cove"
echo "removed cove from $prefix; VMs and images stay in ${COVE_HOME:-$HOME/.vz}"
