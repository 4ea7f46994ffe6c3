#!/usr/bin/env python3
"""Every kill point of up, install, run, stop and delete on the fake engine.

Each case runs its command again and again, killed at step 1, 2, 3, ... until it passes unharmed; kill_at says what a
step is. After each death the state must be true and delete must leave nothing; after every second one (with --thorough
at every step once more) the VM must come up and answer before it is deleted.
    kill_points.py --programs DIR [--case NAME] [--only N] [--thorough]
"""
import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile
import typing

from crash_checks import World, Wrong, check_deleted, check_truth, check_usable, eventually

VM = "web"
MOST_POINTS = 1000
QUIET = 20  # seconds until whoever survived has ended or settled



class Case(typing.NamedTuple):
    before: list  # commands that prepare
    words: list  # the command; None: the whole life, from run to stop
    victim: str  # the program whose steps are counted
    after_death: set  # the states it may leave; "" is no VM
    unharmed: str


CASES = {
    "install": Case([], ["install", VM], "cove", {"", "creating", "stopped"}, "stopped"),
    "up": Case([], ["up", VM], "cove", {"", "creating", "stopped", "running"}, "running"),
    "run": Case([["install", VM]], ["run", "-detach", VM], "cove", {"stopped", "running"}, "running"),
    "stop": Case([["up", VM]], ["stop", VM], "cove", {"running", "stopped"}, "stopped"),
    "delete": Case([["up", VM]], ["delete", "-force", VM], "cove", {"running", "stopped", ""}, ""),
    "run_supervisor": Case([["install", VM]], ["run", "-detach", VM], "cove-vm", {"stopped", "crashed"}, "running"),
    "stop_supervisor": Case([["install", VM]], None, "cove-vm", {"stopped", "crashed"}, "stopped"),
}


def one_point(options, name, number, again):
    """True if the command was killed at this step, False if it has fewer. `again`: bring the VM up before deleting it."""
    case = CASES[name]
    with tempfile.TemporaryDirectory(prefix="cove-crash-") as folder:
        variables = {"COVE_BACKEND": "fake", "COVE_TEST_OWNER": str(os.getpid()),
                     "ASAN_OPTIONS": "detect_leaks=0"}  # which ptrace excludes
        world = World(options.programs, pathlib.Path(folder) / "home", variables, engine=None)
        report = pathlib.Path(folder) / "report"
        try:
            for setup in case.before:
                world.must(*setup)
            command = world.command(*case.words) if case.words else run_and_stop(world)
            done = world.execute([str(options.programs / "kill_at"), str(report), case.victim, str(number),
                                  *command])
            if not report.exists():
                raise Wrong(f"kill_at: {done.stderr}")
            verdict = report.read_text().strip()
            killed = verdict.startswith("killed")
            if not killed and done.returncode != 0:
                raise Wrong(f"unharmed, it fails: {done.stdout}{done.stderr}")
            allowed = case.after_death if killed else {case.unharmed}
            seen = eventually(lambda: check_truth(world, VM, allowed), QUIET, "not true")
            if again:
                check_usable(world, VM)
            check_deleted(world, VM, leftovers_of_build=not again)
            print(f"{name} {verdict.replace(folder, '')}: {seen or 'no VM'}{', up' if again else ''}, deleted", flush=True)
            return killed
        except Wrong as wrong:
            verdict = report.read_text().strip() if report.exists() else f"step {number}"
            raise Wrong(f"{name}, {verdict.replace(folder, '')}: {wrong}") from None
        finally:
            world.end()


def run_and_stop(world):
    cove = str(world.programs / "cove")
    return ["sh", "-c", f'"{cove}" run -detach {VM} && "{cove}" wait -for agent {VM} && "{cove}" stop {VM}']


def enumerate_case(options, case):
    """Two points at a time, until one was not reached. Every point is tried, whatever the others showed."""
    points, ended, wrongs = 0, False, []

    def attempt(number):
        try:
            manners = (False, True) if options.thorough else (number % 2 == 0,)
            return all([one_point(options, case, number, again) for again in manners])
        except Wrong as wrong:
            print(wrong, flush=True)
            wrongs.append(wrong)
            return number < MOST_POINTS

    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        while not ended:
            for killed in pool.map(attempt, range(points + 1, points + 1 + options.workers)):
                points += killed
                ended = ended or not killed
    if points < 2 or points >= MOST_POINTS:
        raise Wrong(f"{case}: {points} kill points; are the steps seen at all, and is there an end of them?")
    if wrongs:
        raise Wrong(f"{case}: {len(wrongs)} of {points} kill points are not survived")
    print(f"{case}: {points} kill points, every one survived")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--only", type=int)
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    try:
        for case in options.case or CASES:
            if options.only:
                one_point(options, case, options.only, again=True)
            else:
                enumerate_case(options, case)
    except Wrong as wrong:
        sys.exit(f"kill_points: {wrong}")


main()
