"""A VM of the state benchmark: its commands timed as a user's, and what its processes cost."""
import json
import os
import pathlib
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
COVE = str(ROOT / "build/release/bin/cove")


def cove(*words, check=True):
    done = subprocess.run([COVE, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise SystemExit(f"cove {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def timed(*words):
    begin = time.perf_counter()
    cove(*words)
    return time.perf_counter() - begin


def answer(name):
    cove("exec", "-vm", name, "--", "true")


def until_answer(names, *words):
    """Seconds of the command, and from its start until all of the VMs answered an exec."""
    begin = time.perf_counter()
    said = cove(*words)
    done = time.perf_counter() - begin
    if len(names) == 1:
        answer(names[0])
    else:
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(answer, names))
    return done, time.perf_counter() - begin, said


class Vm:
    def __init__(self, name, memory_gib):
        self.name = name
        self.memory_gib = memory_gib
        discard(name)
        cove("install", name, "-cpu", "2", "-memory", str(memory_gib), "-disk-size", "8", "-user", "bench")

    def boot(self):
        """A fresh boot, to a guest at rest; a suspended VM goes on first, so that there is something to stop."""
        cove("run", "-detach", self.name, check=False)
        cove("stop", "-force", self.name, check=False)
        cove("up", self.name)
        self.root("systemctl is-system-running --wait", check=False)
        time.sleep(2)

    def root(self, script, check=True):
        return cove("exec", "-vm", self.name, "-user", "root", "--", "sh", "-c", script, check=check)

    def save(self, snapshot):
        """Seconds of the command, and what it told."""
        begin = time.perf_counter()
        told = json.loads(cove("-json", "snapshot", "save", snapshot, "-vm", self.name))
        return time.perf_counter() - begin, told

    def stillness_limit(self, told, rebased=True):
        """The promise, in seconds: 60 ms, 16 ms per GiB, 1 ms per MiB changed since the last re-basing."""
        changed = told["changed_bytes"] / (1 << 20) if rebased else 0
        return (60 + 16 * self.memory_gib + changed) / 1e3

    def engine(self):
        return engine(self.name)

    def disk(self):
        config = json.loads((vm_folder(self.name) / "config.json").read_text())
        return pathlib.Path(os.environ["COVE_HOME"]) / "store/disk" / config["rootDisk"]


def vm_folder(name):
    return pathlib.Path(os.environ["COVE_HOME"]) / "vms" / name


def discard(name):
    cove("delete", name, "-force", check=False)


def discard_all(prefix):
    for folder in sorted((pathlib.Path(os.environ["COVE_HOME"]) / "vms").glob(prefix + "*")):
        discard(folder.name)


def engine(name):
    supervisor = json.loads((vm_folder(name) / "run.lock").read_text())["pid"]
    children = [int(child) for task in pathlib.Path(f"/proc/{supervisor}/task").iterdir()
                for child in (task / "children").read_text().split()]
    return next(pid for pid in children
                if "qemu-system" in os.readlink(f"/proc/{pid}/exe"))


def private_memory(pid):
    """MiB of the process alone. Pages of files are the page cache's, also those of a tmpfs, which are always dirty."""
    parts = {"translated code": 0, "guest memory": 0, "QEMU's heap and data": 0}
    part = ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ \S+\s*(.*)", line)
        if head:
            rights, file = head[1], head[2]
            memory = "/store/ram/" in file or "cove-ram-" in file or "cove-layer-" in file
            part = ("translated code" if rights.startswith("rwx") else
                    "guest memory" if memory else "QEMU's heap and data")
        elif line.startswith("Anonymous:"):
            parts[part] += int(line.split()[1]) / 1024
    return parts


def written_bytes(pid):
    return int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(), re.M)[1])
