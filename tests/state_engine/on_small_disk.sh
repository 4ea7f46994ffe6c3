#!/usr/bin/env bash
# Runs a test with COVE_TEST_SMALL_DISK naming a folder on a file system of 48 MiB, which is gone afterwards.
# on_small_disk.sh PROGRAM [ARGUMENT]...
set -euo pipefail
if [ "${COVE_TEST_SMALL_DISK:-}" = "" ]; then
  COVE_TEST_SMALL_DISK=$(mktemp -d)
  export COVE_TEST_SMALL_DISK
  trap 'rmdir "$COVE_TEST_SMALL_DISK"' EXIT
  unshare --mount --map-root-user "$0" "$@"
  exit
fi
mount -t tmpfs -o size=48m tmpfs "$COVE_TEST_SMALL_DISK"
exec "$@"
