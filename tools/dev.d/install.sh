prefix=${1:-/usr/local}
ensure_packages run
build release
say "installing below $prefix"
installer=()
parent=$prefix
while [ ! -e "$parent" ]; do parent=$(dirname "$parent"); done
[ -w "$parent" ] || installer=(as_root)
"${installer[@]}" install -d "$prefix/bin" "$prefix/libexec/cove"
"${installer[@]}" install -m 0755 build/release/bin/cove "$prefix/bin/cove"
for program in cove-vm cove-fetch cove-agent cove-initrd; do
  "${installer[@]}" install -m 0755 "build/release/bin/$program" "$prefix/libexec/cove/$program"
done
"${installer[@]}" install -m 0644 src/agentd/cove-agent.service "$prefix/libexec/cove/cove-agent.service"
"$prefix/bin/cove" version
