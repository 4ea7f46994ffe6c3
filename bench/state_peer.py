"""QEMU's own savevm and loadvm, the way of UTM, Lima and Multipass: the same machine, on a copy of the same disk."""
import json
import pathlib
import socket
import subprocess
import time

FILL_WORD = "covefill"  # on the kernel's command line: the unit below runs
FILL_UNIT = """[Unit]
ConditionKernelCommandLine={word}
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/console
ExecStart=/bin/sh -c "mount -o remount,size={mib}m /dev/shm; dd if=/dev/urandom of=/dev/shm/fill bs=1M count={mib}; echo; echo COVE-FILLED"
[Install]
WantedBy=multi-user.target
"""


def fill_unit(mib):
    return FILL_UNIT.format(word=FILL_WORD, mib=mib)


class Qmp:
    """One connection; commands one after the other."""

    def __init__(self, path, process, limit=120.0):
        end = time.monotonic() + limit
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("the peer's QEMU did not start") from None
                time.sleep(0.001)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise SystemExit(f"the peer's QEMU: {command}: {answer['error']['desc']}")
        raise SystemExit(f"the peer's QEMU ended at {command}")

    def monitor(self, line):
        said = self.ask("human-monitor-command", **{"command-line": line})
        if said.strip():
            raise SystemExit(f"the peer's QEMU: {line}: {said}")


def peer_command(engine, disk, scratch, words):
    """The engine's arguments, with plain memory, sockets of its own, and without what saved states need."""
    given = pathlib.Path(f"/proc/{engine}/cmdline").read_bytes().decode().split("\0")[:-1]
    out = given[:1]
    pairs = iter(given[1:])
    for option in pairs:
        if option in ("-no-user-config", "-nodefaults", "-S"):
            if option != "-S":
                out.append(option)
            continue
        value = next(pairs)
        if option in ("-incoming", "-sandbox") or (option == "-global" and value.startswith("migration.")):
            continue
        if option == "-chardev" and value.startswith("socket,id=qmp"):
            value = f"socket,id=qmp,path={scratch}/qmp,server=on,wait=off"
        elif option == "-chardev" and value.startswith("socket,id=console"):
            value = f"file,id=console,path={scratch}/console"
        elif option == "-chardev":
            value = "null,id=" + value.split("id=")[1].split(",")[0]
        elif option == "-netdev":
            value = "user,id=" + value.split("id=")[1].split(",")[0]
        elif option == "-object" and "memory-backend-file" in value:
            ram = json.loads(value)
            value = f"memory-backend-ram,id={ram['id']},size={ram['size']}"
        elif option == "-blockdev" and '"driver":"file"' in value:
            node = json.loads(value)
            node["filename"] = str(disk)
            value = json.dumps(node)
        elif option == "-append":
            value = f"{value} {words}"
        out += [option, value]
    return out


class Peer:
    def __init__(self, engine, disk, scratch):
        self.scratch = pathlib.Path(scratch)
        self.command = peer_command(engine, disk, scratch, FILL_WORD)
        self.process = None
        self.qmp = None

    def start(self, *more):
        """Seconds from the command to running CPUs."""
        (self.scratch / "qmp").unlink(missing_ok=True)
        begin = time.perf_counter()
        self.process = subprocess.Popen([*self.command, *more], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        self.qmp = Qmp(self.scratch / "qmp", self.process)
        while self.qmp.ask("query-status")["status"] != "running":
            time.sleep(0.001)
        return time.perf_counter() - begin

    def wait_filled(self, limit=900):
        end = time.monotonic() + limit
        console = self.scratch / "console"
        while "COVE-FILLED" not in console.read_text(errors="replace"):
            if time.monotonic() > end:
                raise SystemExit("the peer's guest did not fill its memory")
            time.sleep(1)
        time.sleep(5)

    def save(self):
        begin = time.perf_counter()
        self.qmp.monitor("savevm bench")
        return time.perf_counter() - begin

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
