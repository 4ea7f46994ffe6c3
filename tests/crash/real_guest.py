#!/usr/bin/env python3
"""kill -9 at moments of a real guest's life: of cove in up and delete, of the supervisor or QEMU in boot, run and stop.

The moments are drawn from a seed, which is printed; --seed repeats them as far as time can be repeated. After each
death the state must be true and the VM must come up again with what it had synced; delete must leave nothing.
    real_guest.py --programs DIR --kill-at PROGRAM --home DIR [--points 5] [--seed N]
The home needs the image in its cache and must have no VM.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from crash_checks import World, Wrong, check_deleted, check_truth, check_usable, eventually, pause

VM = "crash"
SIZE = ["-cpu", "1", "-memory", "1", "-disk-size", "4"]
BOOT_LIMIT = 180  # seconds; an emulated guest on a busy machine
QUIET = 30
DIED = {"crashed", "stopped"}


class Guest:
    def __init__(self, options, chance):
        self.world = World(options.programs, options.home, {}, engine="qemu-system-")
        self.kill_at = str(options.kill_at)
        self.chance = chance
        self.boot_seconds = 0.0
        self.steps = {}  # of up and delete

    def kill_command(self, number, *words):
        """Runs a command that is killed at a step; 0 = never. What kill_at says of it."""
        with tempfile.TemporaryDirectory(prefix="cove-crash-") as folder:
            report = pathlib.Path(folder) / "report"
            done = self.world.execute([self.kill_at, str(report), "cove", str(number), *self.world.command(*words)],
                                      timeout=BOOT_LIMIT + 60)
            if not report.exists() or (number == 0 and done.returncode != 0):
                raise Wrong(f"{' '.join(words)}: {done.stdout}{done.stderr}")
            return report.read_text().strip()

    def measure(self):
        """How many steps up and delete have, and how long a boot takes: what moments are drawn from."""
        started = time.monotonic()
        self.steps["up"] = int(self.kill_command(0, "up", VM, *SIZE).split()[1])
        self.boot_seconds = time.monotonic() - started
        check_truth(self.world, VM, {"running"})
        self.steps["delete"] = int(self.kill_command(0, "delete", "-force", VM).split()[1])
        check_deleted(self.world, VM, leftovers_of_build=False)
        print(f"up has {self.steps['up']} steps and takes {self.boot_seconds:.1f} s; "
              f"delete has {self.steps['delete']} steps", flush=True)

    def kill_now(self):
        """Whoever of the two lives; which one, the moment decides."""
        victims = {**self.world.supervisors(), **self.world.engines()}
        if not victims:
            return "nobody, it had ended"
        pid = self.chance.choice(sorted(victims))
        self.world.kill(pid)
        return victims[pid]

    def in_up(self):
        self.world.must("delete", "-force", VM)
        number = self.chance.randint(1, self.steps["up"])
        verdict = self.kill_command(number, "up", VM, *SIZE)
        return f"up, {verdict}", {"", "creating", "stopped", "starting", "running"}

    def in_boot(self):
        self.world.must("stop", "-force", VM)
        self.world.must("run", "-detach", VM)
        moment = self.chance.uniform(0, self.boot_seconds)
        pause(moment)
        return f"boot, {self.kill_now()} after {moment:.2f} s", DIED

    def in_run(self):
        work = subprocess.Popen(self.world.command("exec", "-vm", VM, "-user", "root", "--", "sh", "-c",
                                                   "while :; do date > /root/busy; sync; done"),
                                env=self.world.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        moment = self.chance.uniform(0, 3)
        pause(moment)
        killed = self.kill_now()
        if work.wait(timeout=QUIET) == 0:
            raise Wrong("a command in a guest that died claims success")
        return f"run, {killed} after {moment:.2f} s", DIED

    def in_stop(self):
        stop = subprocess.Popen(self.world.command("stop", VM), env=self.world.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        moment = self.chance.uniform(0, 3)
        pause(moment)
        killed = self.kill_now()
        stop.wait(timeout=QUIET)
        return f"stop, {killed} after {moment:.2f} s", DIED

    def in_delete(self):
        number = self.chance.randint(1, self.steps["delete"])
        return f"delete, {self.kill_command(number, 'delete', '-force', VM)}", {"running", "stopped", "crashed", ""}

    def remember(self, number):
        """Leaves a mark on the disk, which no death may take from it."""
        self.world.must("exec", "-vm", VM, "-user", "root", "--", "sh", "-c", f"echo {number} > /root/kept; sync")

    def recall(self, number):
        kept = self.world.must("exec", "-vm", VM, "-user", "root", "--", "cat", "/root/kept").strip()
        if kept != str(number):
            raise Wrong(f"what was synced is lost: {kept!r} instead of {number}")


def run_points(guest, count):
    kinds = [guest.in_up, guest.in_boot, guest.in_run, guest.in_stop, guest.in_delete]
    check_usable(guest.world, VM, BOOT_LIMIT, SIZE)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        guest.remember(number)
        what, allowed = kind()
        state = eventually(lambda: check_truth(guest.world, VM, allowed), QUIET, f"{what}: not true")
        survives = kind not in (guest.in_up, guest.in_delete)
        check_usable(guest.world, VM, BOOT_LIMIT, SIZE)
        if survives:
            guest.recall(number)
        print(f"point {number + 1}: {what}: {state or 'no VM'}, up again", flush=True)
    check_deleted(guest.world, VM, leftovers_of_build=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--kill-at", type=pathlib.Path, required=True)
    parser.add_argument("--home", type=pathlib.Path, required=True)
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"real guest: {options.points} kill points, seed {options.seed}", flush=True)
    guest = Guest(options, random.Random(options.seed))
    try:
        guest.measure()
        run_points(guest, options.points)
    except Wrong as wrong:
        sys.exit(f"real_guest: {wrong}")
    finally:
        guest.world.end()


main()
