#!/usr/bin/env python3
"""The state engine on real guests: bench/state_bench.py [-quick]   (tools/dev bench state builds first)

Suspend, resume, snapshots, restores and forks of a 1 GiB guest as booted, and of a 4 GiB guest that has touched 2.9 GiB
of random data; beside QEMU's own savevm and loadvm on the same machine. Each line: a median, the promise beside it.
-quick: two runs, twenty snapshots, the small guest only. COVE_BENCH_RUNS sets the runs (default 5). Exit
status 1 if a promise is not kept. -large: the large guest only.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from state_peer import Peer, fill_unit
from state_vm import (ROOT, Vm, answer, cove, discard, discard_all, engine, private_memory, timed, until_answer,
                      written_bytes)

QUICK = "-quick" in sys.argv[1:]
LARGE = "-large" in sys.argv[1:]
RUNS = 2 if QUICK else int(os.environ.get("COVE_BENCH_RUNS", "5"))
CHAIN = 20 if QUICK else 100
FILL_MIB = 2970  # 2.9 GiB
PREFIX = "cove-bench-state"
not_kept = []


def report(name, value, unit, promise="", kept=True, beside=""):
    mark = "" if not promise else ("kept" if kept else "NOT KEPT")
    print(f"{name:<52} {value:>9.2f} {unit:<5} {promise:<30} {mark:<9} {beside}".rstrip(), flush=True)
    if promise and not kept:
        not_kept.append(name)


def at_most(name, values, limit, unit="s", beside=""):
    """The median of the values against a promise; their spread beside it."""
    value = statistics.median(values)
    spread = f"{min(values):.2f} to {max(values):.2f} in {len(values)}"
    report(name, value, unit, f"{limit:g} {unit} or less", value <= limit, f"{spread}  {beside}".rstrip())


def stillness(name, vm, tolds, rebased=True):
    """How long the guest stood still, against what the changed memory allows each time."""
    still = [told["stood_still_us"] / 1e3 for told in tolds]
    share = statistics.median(told["stood_still_us"] / 1e6 / vm.stillness_limit(told, rebased) for told in tolds)
    changed = statistics.median(told["changed_bytes"] for told in tolds) / (1 << 20)
    allowed = 1e3 * statistics.median(vm.stillness_limit(told, rebased) for told in tolds)
    report(name, statistics.median(still), "ms", f"{allowed:.0f} ms or less", share <= 1,
           f"{min(still):.0f} to {max(still):.0f} in {len(still)}, {changed:.0f} MiB changed")


def booted_guest(vm):
    """Fresh boots: what is first after each."""
    firsts, laters, runs, answers, handed, handed_command = [], [], [], [], [], []
    for _ in range(RUNS):
        vm.boot()
        firsts.append(timed("suspend", vm.name))
        for _ in range(2):
            run, total, _ = until_answer([vm.name], "run", "-detach", vm.name)
            runs.append(run)
            answers.append(total)
            time.sleep(2)
            laters.append(timed("suspend", vm.name))
        vm.boot()
        command, told = vm.save("first")
        handed.append(told)
        handed_command.append(command)
        cove("snapshot", "delete", "-force", "first", "-vm", vm.name)
    at_most("suspend, the first after a boot, to durable", firsts, 0.8)
    at_most("suspend, after a resume, to durable", laters, 0.4)
    at_most("resume, to running CPUs", runs, 0.4)
    at_most("resume, to the first exec answer", answers, 0.4)
    stillness("first snapshot after a boot, the guest stands still", vm, handed, rebased=False)
    report("first snapshot after a boot, to durable", statistics.median(handed_command), "s")


def live_snapshots(vm, touch_mib):
    saved, commands = [], []
    for i in range(max(RUNS, 5)):
        vm.root(f"head -c {touch_mib}M /dev/urandom > /dev/shm/touched")
        command, told = vm.save(f"live{i}")
        saved.append(told)
        commands.append(command)
    stillness("live snapshot, the guest stands still", vm, saved)
    report("live snapshot, to durable", statistics.median(commands), "s", "",
           beside=f"{min(commands):.2f} to {max(commands):.2f}")
    restores = []
    for i in range(max(RUNS, 5)):
        _, total, _ = until_answer([vm.name], "snapshot", "restore", "-discard", f"live{i}", "-vm", vm.name)
        restores.append(total)
        time.sleep(1)
    at_most("restore into the running VM, to the first answer", restores, 0.4)
    return statistics.median(commands), restores


def forks(vm):
    pauses, commands, singles, kept = [], [], [], []
    for _ in range(max(RUNS, 5)):
        for out, more in ((singles, []), (kept, ["-keep-identity"])):
            name = f"{PREFIX}-fork"
            run, total, said = until_answer([name], "-json", "fork", vm.name, name, *more)
            out.append(total)
            commands.append(run)
            pauses.append(json.loads(said)["source_stood_still_us"] / 1e3)
            time.sleep(2)
            discard(name)
    report("fork, to running CPUs", statistics.median(commands), "s")
    at_most("fork, to the first exec answer", singles, 0.4)
    at_most("fork -keep-identity, to the first exec answer", kept, 0.4)
    report("fork, its parent stands still", statistics.median(pauses), "ms",
           f"{60 + 16 * vm.memory_gib} ms or less", statistics.median(pauses) <= 60 + 16 * vm.memory_gib)
    for count, promise in ((8, 2.5), (16, None)):
        name = f"{PREFIX}-many"
        names = [f"{name}-{i}" for i in range(1, count + 1)]
        totals = []
        for run in range(max(RUNS - 2, 1)):
            totals.append(until_answer(names, "fork", vm.name, name, "-count", str(count))[1])
            if run == 0 and count == 8:
                time.sleep(20)
                memory_of(names, "an idle fork")
            discard_all(name)
        if promise:
            at_most(f"{count} forks, all have answered", totals, promise)
        else:
            report(f"{count} forks, all have answered", statistics.median(totals), "s", beside="(aim: 0.8 s)")
    discard(f"{PREFIX}-fork")
    cove("fork", vm.name, f"{PREFIX}-fork", "-keep-identity")
    answer(f"{PREFIX}-fork")
    time.sleep(20)
    memory_of([f"{PREFIX}-fork"], "an idle fork -keep-identity")
    discard(f"{PREFIX}-fork")


def memory_of(names, what, limit=80):
    engines = [private_memory(engine(name)) for name in names]
    own = statistics.median(sum(parts.values()) for parts in engines)
    parts = ", ".join(f"{part} {statistics.median(e[part] for e in engines):.0f}" for part in engines[0])
    report(f"QEMU's private memory of {what}", own, "MiB", f"{limit} MiB or less", own <= limit, parts)


def chain(vm):
    """Snapshots one after the other, with a changed file each."""
    saves, restores = [], []
    for i in range(CHAIN):
        vm.root(f"head -c 1M /dev/urandom > /root/changed; sync")
        saves.append(vm.save(f"chain{i}")[0])
    tenth = CHAIN // 10
    ends = [*range(tenth), *range(CHAIN - tenth, CHAIN)]
    for i in ends:
        restores.append(until_answer([vm.name], "snapshot", "restore", "-discard", f"chain{i}", "-vm", vm.name)[1])
        time.sleep(1)
    for name, times in (("save", saves), ("restore", restores)):
        first, last = statistics.median(times[:tenth]), statistics.median(times[-tenth:])
        report(f"{CHAIN} snapshots in a chain, {name}: last against first", last / first, "times", "2 times or less",
               last / first <= 2, f"first tenth {first:.2f} s, last {last:.2f} s")
    for i in range(CHAIN):
        cove("snapshot", "delete", "-force", f"chain{i}", "-vm", vm.name)


def idle_writes(vm):
    """What the engine writes, memory of the guest included, while the guest does nothing."""
    vm.root("sync")
    time.sleep(10)
    pid = vm.engine()
    def guest_sectors():
        return int(vm.root("cat /sys/block/vda/stat").split()[6])
    sectors, before = guest_sectors(), written_bytes(pid)
    time.sleep(20)
    wrote, guest = written_bytes(pid) - before, (guest_sectors() - sectors) * 512
    beyond = max(0, wrote - guest - (1 << 20)) / (1 << 20)
    report("writeback of an idle VM's memory, 20 s", beyond, "MiB", "0 MiB or less", beyond == 0,
           f"written: {wrote >> 10} KiB, the guest's own to its disk: {guest >> 10} KiB, of memory the rest over 1 MiB")


def touched_guest(scratch):
    """2.9 GiB of random data in memory, ours and the peer's, saved and brought back in turns."""
    vm = Vm(f"{PREFIX}-big", 4)
    unit = "/etc/systemd/system/bench-fill.service"
    vm.boot()
    vm.root(f"cat > {unit} <<'EOF'\n{fill_unit(FILL_MIB)}EOF\nsystemctl enable bench-fill; sync")
    vm.boot()
    disk = pathlib.Path(scratch) / "peer.qcow2"
    peer = Peer(vm.engine(), disk, scratch)
    vm.root("sync")
    cove("suspend", vm.name)  # the disk is nobody's for the copy
    below = json.loads(subprocess.run(["qemu-img", "info", "--output=json", vm.disk()], check=True, capture_output=True,
                                      text=True).stdout)["full-backing-filename"]
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", below, disk], check=True)
    vm.boot()
    half = FILL_MIB // 2
    vm.root(f"mount -o remount,size={FILL_MIB + 100}m /dev/shm; for i in 1 2; do "
            f"dd if=/dev/urandom of=/dev/shm/fill$i bs=1M count={half} 2>/dev/null & done; wait")
    try:
        measure_touched(vm, peer)
    finally:
        peer.end()
        discard(vm.name)


def measure_touched(vm, peer):
    firsts = [timed("suspend", vm.name)]
    report("4 GiB: suspend, the first after the boot", firsts[0], "s", beside="(writes 2.9 GiB, once)")
    answers, suspends, runs, peer_saves, peer_loads = [], [], [], [], []
    for _ in range(RUNS + 2):
        run, total, _ = until_answer([vm.name], "run", "-detach", vm.name)
        runs.append(run)
        answers.append(total)
        time.sleep(2)
        suspends.append(timed("suspend", vm.name))
    at_most("4 GiB: resume, to the first exec answer", answers, 0.4)
    cove("run", "-detach", vm.name)
    answer(vm.name)
    command, restores = live_snapshots(vm, 16)
    restore_runs = []
    for i in range(RUNS):
        restore_runs.append(timed("snapshot", "restore", "-discard", f"live{i}", "-vm", vm.name))
        answer(vm.name)
    forks(vm)
    cove("suspend", vm.name)
    peer.start()
    peer.wait_filled()
    for _ in range(max(3, RUNS - 2)):
        peer_saves.append(peer.save())
        peer.end()
        peer_loads.append(peer.start("-loadvm", "bench"))
        time.sleep(2)
    save, load = statistics.median(peer_saves), statistics.median(peer_loads)
    for name, ours, theirs in (("suspend", statistics.median(suspends), save), ("live snapshot", command, save),
                               ("resume, to running CPUs", statistics.median(runs), load),
                               ("restore, to running CPUs", statistics.median(restore_runs), load)):
        word = "savevm" if theirs is save else "-loadvm"
        report(f"4 GiB: {name}, against QEMU's {word}", theirs / ours, "times", "20 times or more", theirs / ours >= 20,
               f"{ours:.3f} s, {word} {theirs:.2f} s")


def libvirt():
    if shutil.which("virsh") is None:
        print("virsh managedsave and start: not measured, libvirt is not installed here", flush=True)


def small_guest():
    vm = Vm(PREFIX, 1)
    booted_guest(vm)
    live_snapshots(vm, 16)
    idle_writes(vm)
    forks(vm)
    chain(vm)
    discard(PREFIX)


def main():
    os.environ.setdefault("COVE_HOME", str(ROOT / "build/bench-home"))
    os.environ.pop("COVE_VM", None)
    pathlib.Path(os.environ["COVE_HOME"]).mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    print(f"load of this machine at the start: {load:.1f}; runs: {RUNS}", flush=True)
    try:
        if not LARGE:
            small_guest()
        if LARGE or not QUICK:
            scratch_root = os.environ["COVE_HOME"]  # the peer's disk lies where ours do
            with tempfile.TemporaryDirectory(dir=scratch_root) as scratch:
                touched_guest(scratch)
        libvirt()
    finally:
        discard_all(PREFIX)
        print(f"load of this machine at the end: {os.getloadavg()[0]:.1f}, with its own", flush=True)
    if not_kept:
        raise SystemExit("promises not kept: " + ", ".join(not_kept))


if __name__ == "__main__":
    main()
