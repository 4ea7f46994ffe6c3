#!/usr/bin/env python3
"""The benchmarks of the promised figures: bench/run.py [-quick|-large] [NAME...]   (tools/dev bench builds first)

Each prints one line: what was measured, the median of several runs, the peer's median measured in turns in the same
run, their ratio, and the promise. Exit status 1 if a promise is not kept. COVE_BENCH_RUNS sets the runs (default 5);
-quick makes "state" a try of minutes, -large leaves its small guest out.
"""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
COVE = str(BIN / "cove")
RUNS = int(os.environ.get("COVE_BENCH_RUNS", "5"))
VM = "cove-bench"
BOOT_VM = "cove-bench-boot"
OPTIONS = [word for word in sys.argv[1:] if word in ("-quick", "-large")]  # of "state"
failed = []


def report(name, value, unit, promise="", kept=True, peer=""):
    mark = "" if not promise else ("kept" if kept else "NOT KEPT")
    print(f"{name:<46} {value:>10.1f} {unit:<5} {peer:<34} {promise:<34} {mark}", flush=True)
    if promise and not kept:
        failed.append(name)


def seconds(command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, **options)
    return time.perf_counter() - start


def in_turns(ours, theirs, runs=RUNS):
    """Medians of both and the median of the ratios, one run of each after the other."""
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return (statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs))


def cove(*words, **options):
    return subprocess.run([COVE, *words], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **options).stdout


def discard(vm):
    """Deletes a VM of an earlier run, if there is one; the user's own VMs in this home are left alone."""
    subprocess.run([COVE, "delete", vm, "-force"], stdin=subprocess.DEVNULL, capture_output=True)


class Guest:
    """One VM shared by the benchmarks, with a key for ssh over a forward."""

    def __init__(self):
        home = os.environ["COVE_HOME"]
        self.key = pathlib.Path(home) / "bench-key"
        if not self.key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        discard(VM)
        cove("up", VM, "-cpu", "2", "-memory", "1", "-disk-size", "8", "-user", "bench", "-ssh-key",
             f"{self.key}.pub", "-forward", "127.0.0.1:42022:22")
        cove("exec", "-vm", VM, "-user", "root", "--", "systemctl", "start", "ssh")
        self.ssh_options = ["-i", str(self.key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                            "-o", "LogLevel=ERROR", "-o", "BatchMode=yes"]
        self.ssh = ["ssh", *self.ssh_options, "-p", "42022", "bench@127.0.0.1"]
        self.scp = ["scp", "-q", *self.ssh_options, "-P", "42022"]
        for _ in range(60):
            if subprocess.run([*self.ssh, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
                break
            time.sleep(1)
        else:
            raise SystemExit("sshd of the bench guest does not answer")
        # Not while the guest still starts its services: the figures are those of a guest at rest.
        subprocess.run([COVE, "exec", "-vm", VM, "-user", "root", "--", "systemctl", "is-system-running", "--wait"],
                       stdin=subprocess.DEVNULL, capture_output=True)


_guest = None


def guest():
    global _guest
    _guest = _guest or Guest()
    return _guest


def bench_cli():
    ours, theirs, _ = in_turns(lambda: seconds([COVE, "version"]), lambda: seconds(["ls", "--version"]), 20)
    report("cove version, whole process", ours * 1e3, "ms", "10 ms or less", ours <= 0.010,
           f"ls --version: {theirs * 1e3:.1f} ms")
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, COVE_HOME=home)
        for i in range(10):
            folder = pathlib.Path(home) / f"vms/vm{i}"
            folder.mkdir(parents=True)
            node = f"{i:032x}"
            (folder / "config.json").write_text('{"version":1,"cpu":2,"memoryGB":4,"rootDisk":"%s"}\n' % node)
            disk = pathlib.Path(home) / "store/disk" / node
            disk.parent.mkdir(parents=True, exist_ok=True)
            disk.write_bytes(b"x")
        ours, theirs, _ = in_turns(lambda: seconds([COVE, "list"], env=env), lambda: seconds(["ls", home]), 20)
        report("cove list of 10 VMs, whole process", ours * 1e3, "ms", "10 ms or less", ours <= 0.010,
               f"ls: {theirs * 1e3:.1f} ms")
    bench_list_running()


def bench_list_running():
    """Each VM that runs is asked by its control socket; the engine behind the supervisor plays no part."""
    names = [f"vm{i}" for i in range(10)]
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, COVE_HOME=home, COVE_BACKEND="fake")
        quiet = {"env": env, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            for name in names:
                subprocess.run([COVE, "install", name], **quiet)
                subprocess.run([COVE, "run", "-detach", name], **quiet)
            told = subprocess.run([COVE, "list"], env=env, check=True, capture_output=True, text=True).stdout
            if told.count(" running ") != len(names):
                raise SystemExit("not all of them run:\n" + told)
            ours, theirs, _ = in_turns(lambda: seconds([COVE, "list"], env=env), lambda: seconds(["ls", home]), 20)
        finally:
            for name in names:
                subprocess.run([COVE, "delete", "-force", name], env=env, capture_output=True)
    report("cove list of 10 running VMs, whole process", ours * 1e3, "ms", "10 ms or less", ours <= 0.010,
           f"ls: {theirs * 1e3:.1f} ms")


def plain_qemu_to_login(image, scratch):
    """Seconds from exec to the login prompt: the same kernel, disk image and machine, QEMU's own devices only."""
    disk = pathlib.Path(scratch) / "plain.qcow2"
    disk.unlink(missing_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", image["disk"], "-F", image["format"], disk],
                   check=True)
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1G", "-M", "q35",
               "-display", "none", "-serial", "stdio", "-monitor", "none", "-drive", f"file={disk},if=virtio",
               "-kernel", image["kernel"], "-initrd", image["initrd"], "-append", image["cmdline"]]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen = b""
    try:
        while b"login:" not in seen:
            piece = os.read(process.stdout.fileno(), 4096)
            if not piece:
                raise SystemExit("plain QEMU ended: " + seen.decode(errors="replace")[-500:])
            seen += piece
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()


def image_files():
    import json
    images = json.loads(cove("image", "list", "-json"))["images"]
    digest = next(i for i in images if "debian:12" in i["refs"])["digest"]
    folder = pathlib.Path(os.environ["COVE_HOME"]) / "cache/images" / digest.removeprefix("sha256:")
    manifest = json.loads((folder / "manifest.json").read_text())
    return {"disk": str(folder / "disk.raw"), "format": "raw", "kernel": str(folder / "vmlinuz"),
            "initrd": str(folder / "initrd.img"), "cmdline": manifest["command_line"]}


def bench_boot():
    cove("image", "build", "debian:12")
    image = image_files()
    discard(BOOT_VM)
    with tempfile.TemporaryDirectory() as scratch:
        def ours():
            start = time.perf_counter()
            cove("up", BOOT_VM, "-cpu", "2", "-memory", "1", "-disk-size", "8")
            cove("exec", "-vm", BOOT_VM, "-user", "root", "--", "true")
            took = time.perf_counter() - start
            cove("delete", BOOT_VM, "-force")
            return took
        mine, theirs, ratio = in_turns(ours, lambda: plain_qemu_to_login(image, scratch),
                                       max(RUNS, 9))
    report("new VM to first exec answer", mine, "s", "0.7 or less of plain QEMU to login", ratio <= 0.7,
           f"plain QEMU: {theirs:.1f} s, ratio {ratio:.2f}")


def bench_exec():
    g = guest()
    run = [COVE, "exec", "-vm", VM, "--", "true"]
    for _ in range(3):
        seconds(run)
    ours, theirs, ratio = in_turns(lambda: seconds(run), lambda: seconds([*g.ssh, "true"]), max(RUNS, 11))
    report("cove exec -- true, whole process", ours * 1e3, "ms", "60 ms, and 0.1 of ssh", ours <= 0.060 and ratio <= 0.1,
           f"ssh true: {theirs * 1e3:.0f} ms, ratio {ratio:.3f}")
    out = subprocess.run([BIN / "exec_bench", os.environ["COVE_HOME"], VM, "200"], check=True, capture_output=True,
                         text=True).stdout
    p50 = float(re.search(r"exec true: p50 ([0-9.]+) ms", out)[1])
    report("exec round trip inside one client, p50", p50, "ms", "15 ms or less", p50 <= 15.0)


def bench_copy():
    g = guest()
    with tempfile.TemporaryDirectory() as scratch:
        big = pathlib.Path(scratch) / "big"
        big.write_bytes(os.urandom(256 << 20))
        many = pathlib.Path(scratch) / "many"
        many.mkdir()
        for i in range(10000):
            (many / f"{i:05d}").write_bytes(os.urandom(4096))
        remote = "bench@127.0.0.1:"
        cases = [
            ("256 MiB to the guest", [COVE, "cp", str(big), f"{VM}:/tmp/a"], [*g.scp, str(big), f"{remote}/tmp/b"], 2),
            ("256 MiB from the guest", [COVE, "cp", f"{VM}:/tmp/a", f"{scratch}/a"],
             [*g.scp, f"{remote}/tmp/a", f"{scratch}/b"], 2),
            ("10,000 files of 4 KiB to the guest", [COVE, "cp", str(many), f"{VM}:/tmp/am"],
             [*g.scp, "-r", str(many), f"{remote}/tmp/bm"], 5),
            ("10,000 files of 4 KiB from the guest", [COVE, "cp", f"{VM}:/tmp/am", f"{scratch}/am"],
             [*g.scp, "-r", f"{remote}/tmp/am", f"{scratch}/bm"], 5),
        ]
        runs = max(3, RUNS)
        for name, ours, theirs, promise in cases:
            def clean():
                if "to the guest" in name:
                    cove("exec", "-vm", VM, "-user", "root", "--", "rm", "-rf", ours[-1].split(":")[1],
                         theirs[-1].split(":")[1])
                else:
                    for path in (ours[-1], theirs[-1]):
                        shutil.rmtree(path, ignore_errors=True) if pathlib.Path(path).is_dir() else pathlib.Path(
                            path).unlink(missing_ok=True)
            pairs = []
            for _ in range(runs):
                clean()
                pairs.append((seconds(ours), seconds(theirs)))
            mine = statistics.median(a for a, _ in pairs)
            peer = statistics.median(b for _, b in pairs)
            speedup = statistics.median(b / a for a, b in pairs)
            size = 256.0 if "256" in name else 10000 * 4096 / (1 << 20)
            report(f"cove cp, {name}", size / mine, "MiB/s", f"{promise} times scp or better", speedup >= promise,
                   f"scp: {size / peer:.1f} MiB/s, {speedup:.1f} times")


def bench_script():
    lines = ["env A=1"] * 5000 + ["[GOOS:plan9] stop"] * 5000
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "lines.txtar"
        file.write_text("\n".join(lines) + "\n")
        times = [seconds([COVE, "script", "test", str(file)]) for _ in range(max(RUNS, 9))]
    took = statistics.median(times)
    report("script test of 10,000 lines, whole process", took * 1e3, "ms", "50 ms or less", took <= 0.050)


def supervisor_pid():
    note = (pathlib.Path(os.environ["COVE_HOME"]) / f"vms/{VM}/run.lock").read_text()
    return int(re.search(r'"pid":(\d+)', note)[1])


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


def wakeups_per_second(pids, window=10):
    """Context switches of all threads of the processes."""
    def switches():
        total = 0
        for pid in pids:
            for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
                total += sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", status.read_text()))
        return total
    before = switches()
    time.sleep(window)
    return (switches() - before) / window


def bench_idle():
    guest()
    supervisor = supervisor_pid()
    engine = children(supervisor)
    time.sleep(5)
    windows = [(wakeups_per_second([supervisor]), wakeups_per_second(engine)) for _ in range(RUNS)]
    ours = statistics.median(a for a, _ in windows)
    qemu = statistics.median(b for _, b in windows)
    smaps = pathlib.Path(f"/proc/{supervisor}/smaps_rollup").read_text()
    rss = int(re.search(r"Rss:\s+(\d+)", smaps)[1]) / 1024
    report("supervisor, resident memory", rss, "MiB", "40 MiB or less", rss <= 40)
    report("supervisor, wake-ups of an idle VM", ours, "/s", "5 a second or less", ours <= 5,
           f"QEMU itself: {qemu:.0f} /s")


def bench_rpc():
    out = subprocess.run([BIN / "rpc_bench"], check=True, text=True, capture_output=True).stdout
    for name, ours, unit, peer, ratio in re.findall(
            r"^(\S.*?) +([\d.]+) (\S+) +grpc\+\+ +([\d.]+) \(ours/grpc\+\+ ([\d.]+)\)", out, re.M):
        unary = unit == "us"
        report(f"gRPC over a socketpair, {name}", float(ours), unit, "no slower than grpc++" if unary else "",
               float(ratio) <= 1.0, f"grpc++: {peer} {unit}")


def bench_net():
    work = ROOT / "build/net-bench"
    work.mkdir(parents=True, exist_ok=True)
    if not list(work.glob("boot/vmlinuz-*")):
        depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, capture_output=True,
                                 text=True).stdout
        package = re.search(r"Depends: (linux-image-\S+)", depends)[1]
        subprocess.run(["apt-get", "download", "-q", package], check=True, cwd=work, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", str(next(work.glob("*.deb"))), str(work)], check=True)
    kernel = next(work.glob("boot/vmlinuz-*"))
    modules = next(work.glob("lib/modules/*"))
    done = subprocess.run([BIN / "net_bench", kernel, modules, BIN / "net_bench_guest", str(max(RUNS, 5))], text=True,
                          capture_output=True)
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        failed.append("net")


def bench_state():
    if subprocess.run([sys.executable, "-B", ROOT / "bench/state_bench.py", *OPTIONS]).returncode != 0:
        failed.append("state")


ALL = {"cli": bench_cli, "script": bench_script, "boot": bench_boot, "exec": bench_exec, "copy": bench_copy,
       "idle": bench_idle, "net": bench_net,
       "rpc": bench_rpc, "state": bench_state}


def main():
    names = [word for word in sys.argv[1:] if word not in OPTIONS] or list(ALL)
    unknown = [n for n in names if n not in ALL]
    if unknown:
        raise SystemExit(f"unknown benchmark {unknown[0]}; there are: {' '.join(ALL)}")
    os.environ.setdefault("COVE_HOME", str(ROOT / "build/bench-home"))
    os.environ.pop("COVE_VM", None)
    pathlib.Path(os.environ["COVE_HOME"]).mkdir(parents=True, exist_ok=True)
    print(f"{'benchmark':<46} {'median':>10} {'':<5} {'peer, same run':<34} {'promise':<34}")
    try:
        for name in names:
            ALL[name]()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{error.cmd[0]} failed: {error.stderr}") from error
    finally:
        for vm in (VM, BOOT_VM):
            discard(vm)
    if failed:
        raise SystemExit("promises not kept: " + ", ".join(failed))


main()
