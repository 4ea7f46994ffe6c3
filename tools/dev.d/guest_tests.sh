#!/usr/bin/env bash
# Tests on a real guest: builds the image if the cache has none, boots one VM, and runs tests/guest/*.txtar and
# tests/pty/real_guest_test.py against it; then kills it at moments of its life. guest_tests.sh [-all]
# The home is a folder of its own below build/, so that no VM of the user is touched and the image is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tools/dev.d/common.sh

export COVE_HOME=${COVE_TEST_HOME:-$PWD/build/guest-home}
export PATH="$PWD/build/release/bin:$PATH"
unset COVE_VM COVE_BACKEND
cleanup() { cove delete -all -force >/dev/null 2>&1 || true; }
trap cleanup EXIT
cleanup

say "a real guest"
# An image kept from an earlier run may carry an earlier agent, which is not what is to be tested.
if cove image list | grep -q '^debian:12 .* other '; then cove image build -rebuild debian:12; fi
cove up guest -cpu 2 -memory 1 -disk-size 8 -user tester -forward 127.0.0.1:0:22
cove status guest
export COVE_VM=guest GUEST_TEST=1
cove script test tests/guest/*.txtar
/usr/bin/python3 -B tests/pty/real_guest_test.py
cleanup
say "the host's disk gets full under a real guest"
tools/dev.d/full_disk_test.sh
say "kill points of a real guest"
build asan kill_at
points=5
[ "${1:-}" != -all ] || points=50
tests/crash/real_guest.py --programs build/release/bin --kill-at build/asan/bin/kill_at --home "$COVE_HOME" \
  --points "$points" ${COVE_TEST_SEED:+--seed "$COVE_TEST_SEED"}
[ "${1:-}" != -all ] || tools/dev.d/image_test.sh
