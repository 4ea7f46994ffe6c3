#!/usr/bin/env bash
# The host's disk gets full under a real guest: the guest is paused, says so, and goes on without loss when there is
# room again. Needs the image in the cache of $COVE_HOME; the disk is a small tmpfs in a mount name space of its own.
# full_disk_test.sh
set -euo pipefail
if [ "${1:-}" != inside ]; then
  exec unshare --mount --map-root-user "$0" inside
fi
home=$(mktemp -d)
cleanup() {
  cove delete -all -force >/dev/null 2>&1 || true
  umount "$home"
  rmdir "$home"
}
mount -t tmpfs -o size=120m tmpfs "$home"
trap cleanup EXIT
ln -s "$COVE_HOME/cache" "$home/cache"
export COVE_HOME=$home
fail() { echo "full disk: $1" >&2; cove status full >&2; exit 1; }

# A home that is full already: nothing is begun, and the hint says which disk.
tiny=$home/tiny
mkdir "$tiny"
mount -t tmpfs -o size=64k tmpfs "$tiny"
head -c 65536 /dev/zero > "$tiny/ballast" 2>/dev/null || true
if refusal=$(COVE_HOME=$tiny COVE_BACKEND=fake cove install none 2>&1); then refusal="it was made"; fi
umount "$tiny"
grep -q "^hint: the file system of $tiny is full (.* free): make room there" <<< "$refusal" || fail "install said: $refusal"

cove up full -memory 1 -disk-size 8 -user tester
cove exec -vm full -- sh -c 'head -c 150000000 /dev/urandom > big; sha256sum < big; sync' > "$home/sum" &
writer=$!
until cove list | grep -q '^full *paused'; do kill -0 "$writer" || fail "the guest was not paused"; done
cove list | grep -q '^full: disk root: no space left on the host$' || fail "list has no reason"
if refusal=$(cove resume full 2>&1); then fail "it was resumed with no room"; fi
grep -q 'stays paused: disk root: no space left on the host' <<< "$refusal" || fail "resume said: $refusal"
if refusal=$(cove exec -vm full -- true 2>&1); then fail "a command ran in a paused guest"; fi
grep -q 'is paused: disk root' <<< "$refusal" || fail "exec said: $refusal"

mount -o remount,size=400m "$home"
cove resume full
wait "$writer" || fail "the writer did not survive"
cove exec -vm full -user root -- sh -c 'echo 3 > /proc/sys/vm/drop_caches'
test "$(cove exec -vm full -- sh -c 'sha256sum < big')" = "$(cat "$home/sum")" || fail "data was lost"
echo "full disk: paused, told, resumed, nothing lost"
