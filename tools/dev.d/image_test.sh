#!/usr/bin/env bash
# Builds of real images: what stops one leaves nothing and says why, two at once make one, and debian:12-full starts by
# UEFI and by its kernel. Needs the package mirror and `cove` on the PATH; some minutes. image_test.sh
set -euo pipefail
home=$(mktemp -d)
export COVE_HOME=$home/vz TMPDIR=$home/tmp
mkdir -p "$TMPDIR"
chmod 711 "$home"
cleanup() {
  cove delete -all -force >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap cleanup EXIT
fail() { echo "images: $1" >&2; exit 1; }

nothing_left() {
  [ -z "$(ls -A "$TMPDIR")" ] || fail "$1: left in TMPDIR: $(ls -A "$TMPDIR")"
  local left
  left=$(find "$COVE_HOME/cache" -mindepth 1 ! -type d ! -name '*.lock' 2>/dev/null || true)
  [ -z "$left" ] || fail "$1: left in the cache: $left"
}

# No mirror.
if said=$(http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 cove image build debian:12 2>&1); then
  fail "an image was built without a mirror"
fi
grep -qi 'mirror' <<< "$said" || fail "without a mirror it said: $said"
nothing_left "no mirror"

# No room: told before any work.
if unshare --mount --map-root-user true 2>/dev/null; then
  if said=$(unshare --mount --map-root-user sh -c \
    'mkdir -p "$COVE_HOME" && mount -t tmpfs -o size=64m tmpfs "$COVE_HOME" && cove image build debian:12' 2>&1); then
    fail "an image was built in 64 MB"
  fi
  grep -q 'needs .* free' <<< "$said" || fail "without room it said: $said"
  ! grep -q 'installing' <<< "$said" || fail "work began before the space was looked at"
  nothing_left "no room"
else
  echo "images: the refusal for want of space is not tried: this user may not make mount name spaces"
fi

# Ctrl-C in the middle.
mkfifo "$home/told"
setsid cove image build debian:12 2> "$home/told" &
builder=$!
while read -r line; do
  case $line in *install*) kill -INT "$builder"; break ;; esac
done < <(tee "$home/log" < "$home/told")
status=0
wait "$builder" || status=$?
[ "$status" = 130 ] || fail "interrupted, it ended with $status: $(cat "$home/log")"
nothing_left "interrupted"

# Two at once make one.
cove image build debian:12-full > "$home/one" 2> "$home/one.err" &
first=$!
cove image build debian:12-full > "$home/two" 2> "$home/two.err" &
second=$!
wait "$first" || fail "the first of two builders failed: $(cat "$home/one.err")"
wait "$second" || fail "the second of two builders failed: $(cat "$home/two.err")"
digests=$(grep -ho 'sha256:[0-9a-f]\{64\}' "$home"/one "$home"/one.err "$home"/two "$home"/two.err | sort -u | wc -l)
[ "$digests" = 1 ] || fail "two builders made $digests images"

for boot in kernel uefi; do
  cove up "full-$boot" -image debian:12-full -boot "$boot" -memory 1 -disk-size 9 -user tester
  ask() { cove exec -vm "full-$boot" -user root -- "$@"; }
  case $(ask uname -r) in *cloud*) fail "$boot: debian:12-full runs the cloud kernel" ;; esac
  [ "$(ask hostname)" = "full-$boot" ] || fail "$boot: the host name is $(ask hostname)"
  [ "$(ask df --output=size -BG / | tail -1 | tr -dc 0-9)" -ge 8 ] || fail "$boot: the file system did not grow"
  [ "$boot" = kernel ] || ask test -d /sys/firmware/efi || fail "not started by UEFI"
  cove delete "full-$boot" -force
done
echo "images: no mirror, no room, interrupted, two at once, debian:12-full by kernel and by UEFI"
