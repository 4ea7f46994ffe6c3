prefix=${1:-/usr/local}
[ -e "$prefix/bin/cove" ] || [ -e "$prefix/libexec/cove" ] ||
  die "there is no cove in $prefix; name the folder it was installed to: tools/dev uninstall PREFIX"
remover=()
parent=$prefix/bin
[ -e "$parent" ] || parent=$prefix/libexec
[ -w "$parent" ] || remover=(as_root)
"${remover[@]}" rm -f "$prefix/bin/cove"
"${remover[@]}" rm -rf "$prefix/libexec/cove"
# Most systems have nothing else there.
[ ! -d "$prefix/libexec" ] || "${remover[@]}" rmdir --ignore-fail-on-non-empty "$prefix/libexec"
echo "removed cove from $prefix; VMs and images stay in ${COVE_HOME:-$HOME/.vz}"
