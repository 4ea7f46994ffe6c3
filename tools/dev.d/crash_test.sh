#!/usr/bin/env bash
# kill -9 of the supervisor or of QEMU at points of a real VM's life; afterwards list must tell the truth, and run and
# delete must work. 5 points; 50 with -all.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
points=5
[ "${1:-}" = -all ] && points=50

pid_of() { cove status crash -json 2>/dev/null | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" | head -1; }
state() { cove list | awk '$1 == "crash" { print $2 }'; }

say "crash test: $points points"
cove install crash -cpu 1 -memory 1 -disk-size 4 >/dev/null 2>&1 || cove install crash -cpu 1 -memory 1 -disk-size 4
for ((i = 0; i < points; i++)); do
  victim=$([ $((i % 2)) = 0 ] && echo supervisor_pid || echo engine_pid)
  cove run crash -detach >/dev/null 2>&1 || die "point $i: run failed"
  # Points spread over the boot: from the first instruction to a guest that answers.
  case $((i % 5)) in
    0) ;;
    1) cove wait -for kernel -timeout 60s crash >/dev/null 2>&1 || true ;;
    2) cove wait -for agent -timeout 60s crash >/dev/null 2>&1 || true ;;
    3) cove wait -for user -timeout 60s crash >/dev/null 2>&1 || true ;;
    4) (cove stop crash >/dev/null 2>&1 || true) & ;;
  esac
  pid=$(pid_of $victim)
  [ -n "$pid" ] && { kill -9 "$pid" 2>/dev/null || true; }
  wait
  # Whoever survived the other's death needs a moment to notice; the state must become one of the two.
  for ((t = 0; t < 100; t++)); do
    now=$(state)
    case $now in crashed | stopped) break ;; esac
    read -rt 0.1 <> <(:) || true
  done
  case $now in crashed | stopped) ;; *) die "point $i: list says \"$now\" after kill -9 of $victim" ;; esac
  if [ -n "$(pid_of engine_pid)" ]; then die "point $i: an engine is left"; fi
  printf 'point %d: kill -9 of %s: %s\n' "$i" "${victim%_pid}" "$now"
done
cove run crash -detach >/dev/null 2>&1 || die "the VM does not start after the crashes"
cove wait -for agent -timeout 120s crash >/dev/null || die "the VM does not answer after the crashes"
cove exec -vm crash -user root -- true
cove delete crash -force
[ -z "$(state)" ] || die "delete left the VM in the list"
