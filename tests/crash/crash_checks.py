"""What has to be true after a process of cove was killed, on the fake engine and on a real guest alike.

Processes are known by an environment variable that each world gives to all it starts and that they hand down, never
by their names alone; states are compared with those processes, not with what cove says elsewhere.
"""
import json
import os
import pathlib
import secrets
import select
import signal
import subprocess
import time

MARK = "COVE_CRASH_TEST"


class Wrong(Exception):
    """A check failed."""


class World:
    """A home of its own with at most one VM in it, and the processes that live for it."""

    def __init__(self, programs, home, variables, engine):
        self.programs = pathlib.Path(programs)
        self.home = pathlib.Path(home)
        self.rams = set()  # of every VM that was ever looked at here
        self.engine = engine  # how the name of the engine's program begins; None when it is no process
        self.mark = f"{MARK}={secrets.token_hex(8)}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("COVE_")}
        name, value = self.mark.split("=")
        self.environment = {**kept, **variables, "COVE_HOME": str(self.home), name: value}

    def command(self, *words):
        return [str(self.programs / "cove"), *words]

    def run(self, *words, timeout=120):
        """Any end; the caller judges it."""
        return self.execute(self.command(*words), timeout)

    def execute(self, command, timeout=120):
        return subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)

    def must(self, *words, timeout=180):
        done = self.run(*words, timeout=timeout)
        if done.returncode != 0:
            raise Wrong(f"cove {' '.join(words)}: exit status {done.returncode}: {(done.stdout + done.stderr).strip()}")
        return done.stdout

    def processes(self, program=None):
        """{pid: program} of the living that carry our mark, all or those whose program's name begins so."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    name = os.path.basename(os.readlink(entry / "exe"))
                    if program is None or name.startswith(program):
                        found[int(entry.name)] = name
            except OSError:
                pass  # it ended meanwhile, or belongs to somebody else
        return found

    def supervisors(self):
        return self.processes("cove-vm")

    def engines(self):
        return self.processes(self.engine) if self.engine else {}

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)

    def states(self):
        """{name: state} as `list` says."""
        return {vm["name"]: vm["state"] for vm in json.loads(self.must("list", "-json"))["vms"]}

    def end(self):
        """Nothing of this world may outlive it, whatever went wrong."""
        for pid in self.processes():
            try:
                self.kill(pid)
            except ProcessLookupError:
                pass


def pause(seconds):
    select.select([], [], [], seconds)


def eventually(check, seconds, what):
    """Whoever survived needs a moment to notice; the last failure is told."""
    limit = time.monotonic() + seconds
    while True:
        try:
            return check()
        except Wrong as wrong:
            if time.monotonic() > limit:
                raise Wrong(f"{what} after {seconds} s: {wrong}") from None
        pause(0.02)


def check_truth(world, name, allowed=None):
    """`list` and `status` say the same, and what they say is what runs. Returns the state, "" for no VM."""
    world.rams.update(rams_of(world))
    before = (world.supervisors(), world.engines())
    states = world.states()
    state = states.get(name, "")
    status = world.run("status", "-json", name)
    supervisors, engines = world.supervisors(), world.engines()
    if (supervisors, engines) != before:
        raise Wrong(f"processes come and go: {before} became {(supervisors, engines)}")
    if set(states) - {name}:
        raise Wrong(f"list shows other VMs: {states}")
    if state == "":
        if status.returncode == 0 or "no vm named" not in status.stderr + status.stdout:
            raise Wrong(f"list has no {name}, but status says: {status.stdout}{status.stderr}")
    elif status.returncode != 0 or json.loads(status.stdout)["state"] != state:
        raise Wrong(f"list says {state}, status: {status.stdout}{status.stderr}")
    if state in ("", "creating", "stopped", "crashed"):
        if supervisors or engines:
            raise Wrong(f"state \"{state}\", but there are {supervisors} {engines}")
    elif state in ("starting", "running", "paused"):
        if len(supervisors) != 1:
            raise Wrong(f"state \"{state}\", but the supervisors are {supervisors}")
        if world.engine and state != "starting" and len(engines) != 1:
            raise Wrong(f"state \"{state}\", but the engines are {engines}")
    else:
        raise Wrong(f"state \"{state}\"")
    if allowed is not None and state not in allowed:
        raise Wrong(f"state \"{state}\", which is none of {sorted(allowed)}")
    return state


def check_usable(world, name, seconds=120, flags=()):
    """The VM can be brought up again and answers. `run` is tried where it has to work, else `up`."""
    if check_truth(world, name) in ("stopped", "crashed"):
        world.must("run", "-detach", name, timeout=seconds)
        world.must("wait", "-for", "agent", "-timeout", f"{seconds}s", name, timeout=seconds + 10)
    world.must("up", name, *flags, "-timeout", f"{seconds}s", timeout=seconds + 60)
    if check_truth(world, name) != "running":
        raise Wrong("up succeeded, but it does not run")
    said = world.must("exec", "-vm", name, "-user", "root", "--", "echo", "alive")
    if said != "alive\n":
        raise Wrong(f"exec said {said!r}")


def check_deleted(world, name, leftovers_of_build):
    """Delete works in whatever state, and leaves neither file nor process. With no VM there any more it removes what a
    killed delete left of it, and says that there is none."""
    if check_truth(world, name) != "":
        world.must("delete", "-force", name)
    elif "no vm named" not in world.run("delete", "-force", name).stderr:
        raise Wrong("delete does not say that there is no such VM")
    eventually(lambda: check_truth(world, name, {""}), 10, "it is not gone")
    if world.processes():
        raise Wrong(f"processes are left: {world.processes()}")
    left = []
    for folder, folders, files in os.walk(world.home):
        below = os.path.relpath(folder, world.home)
        for entry in files + folders:
            path = os.path.normpath(os.path.join(below, entry))
            if not is_kept(path, leftovers_of_build):
                left.append(path)
    left += [str(ram) for ram in world.rams if ram.exists()]
    if left:
        raise Wrong(f"files are left: {sorted(left)}")


def rams_of(world):
    """Where the memory of the VMs is that are there now: named by their folders' device and number."""
    for folder in (world.home / "vms").glob("*"):
        try:
            seen = folder.stat()
        except FileNotFoundError:
            continue
        yield pathlib.Path("/dev/shm") / f"cove-ram-{os.geteuid()}-{seen.st_dev:x}-{seen.st_ino:x}"


def is_kept(path, leftovers_of_build):
    """What a home without VMs may hold: its empty folders, locks, and the cache of images."""
    parts = path.split(os.sep)
    if path in ("vms", "store", "store/disk", "store/ram", "store/states", "store/lock", "store/merge.lock", "cache"):
        return True
    if parts[0] != "cache":
        return False
    hidden = any(part.startswith((".", "building-")) for part in parts)
    return leftovers_of_build or not hidden
