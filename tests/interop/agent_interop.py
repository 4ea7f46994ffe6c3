"""Python's grpcio as a foreign client of the guest agent's own services, through the supervisor's agent.sock.

usage: agent_interop.py COVE_PROGRAM COVE_VM_PROGRAM
The VM is one of the fake backend: its guest serves the real agent's code on this host, as this user.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import grpc

import agent_messages

PB = agent_messages.classes()
PATIENCE = 60
Status = grpc.StatusCode


class Agent:
    def __init__(self, channel, token):
        self.channel, self.metadata = channel, (("authorization", "Bearer " + token),) if token else ()

    def method(self, kind, name, reply, service="Agent"):
        return getattr(self.channel, kind)(f"/vz.agent.v1.{service}/{name}",
                                           request_serializer=lambda m: m.SerializeToString(),
                                           response_deserializer=PB[reply].FromString)

    def call(self, name, request, reply, fields=None, service="Agent", timeout=PATIENCE):
        return self.method("unary_unary", name, reply, service)(PB[request](**(fields or {})), timeout=timeout,
                                                                metadata=self.metadata)

    def stream(self, name, request, reply, fields=None, service="Agent", timeout=PATIENCE):
        return self.method("unary_stream", name, reply, service)(PB[request](**(fields or {})), timeout=timeout,
                                                                 metadata=self.metadata)

    def exec(self, *args, **fields):
        return self.call("Exec", "ExecRequest", "ExecResponse", {"args": args, **fields})

    def exec_stream(self, *args, **fields):
        return list(self.stream("ExecStream", "ExecRequest", "ExecOutput", {"args": args, **fields}))

    def copy_in(self, chunks):
        return self.method("stream_unary", "CopyIn", "Empty")(iter(chunks), timeout=PATIENCE, metadata=self.metadata)


class AgentTest(unittest.TestCase):
    def refused(self, code, text, work):
        with self.assertRaises(grpc.RpcError) as raised:
            result = work()
            list(result if hasattr(result, "__next__") else [])
        error = raised.exception
        self.assertEqual(error.code(), code, error.details())
        if text:
            self.assertRegex(error.details(), text)
        return error.details()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cove-files-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)


class Calls(AgentTest):
    def test_token_is_required(self):
        for token in ("", "wrong"):
            self.refused(Status.UNAUTHENTICATED, "token", lambda: Agent(agent.channel, token).call(
                "Ping", "Empty", "PingResponse"))

    def test_ping(self):
        pong = agent.call("Ping", "Empty", "PingResponse")
        self.assertLess(abs(pong.timestamp.seconds - time.time()), 120)
        self.assertTrue(pong.version)

    def test_info(self):
        info = agent.call("Info", "Empty", "InfoResponse")
        system = os.uname()
        self.assertEqual((info.hostname, info.kernel_version), (system.nodename, system.release))
        self.assertIn(info.arch, ("amd64", "arm64"))
        for number in (info.memory_total, info.disk_total, info.uptime_seconds):
            self.assertGreater(number, 0)
        self.assertLessEqual(info.memory_available, info.memory_total)
        self.assertLessEqual(info.disk_available, info.disk_total)
        self.assertEqual((info.agent_version, info.agent_commit, info.agent_build_date), ("fake", "unknown", "unknown"))
        with open(vm_program, "rb") as program:
            self.assertEqual(info.agent_sha256, hashlib.sha256(program.read()).hexdigest()[:12])

    def test_unknown_method(self):
        self.refused(Status.UNIMPLEMENTED, "", lambda: agent.call("NoSuch", "Empty", "Empty"))


class Exec(AgentTest):
    def test_output_and_status(self):
        done = agent.exec("sh", "-c", "echo out; echo err >&2; sleep 0.01; exit 3")
        self.assertEqual((done.exit_code, done.stdout, done.stderr), (3, b"out\n", b"err\n"))
        self.assertGreater(done.duration_seconds, 0.01)

    def test_request_fields(self):
        self.assertEqual(agent.exec("sh", "-c", "echo $A", env={"A": "b c"}).stdout, b"b c\n")
        self.assertEqual(agent.exec("pwd", working_dir=self.folder).stdout, self.folder.encode() + b"\n")
        self.assertEqual(agent.exec("pwd").stdout, b"/\n")
        self.assertEqual(agent.exec("cat", stdin=b"in\0put").stdout, b"in\0put")
        self.assertEqual(agent.exec("cat").stdout, b"")
        name = agent.exec("id", "-un").stdout.decode().strip()
        self.assertEqual(agent.exec("id", "-u", user=name).stdout.decode().strip(), str(os.geteuid()))

    def test_user_realm(self):
        done = agent.call("UserExec", "ExecRequest", "ExecResponse", {"args": ["echo", "hi"]}, "UserAgent")
        self.assertEqual(done.stdout, b"hi\n")
        parts = list(agent.stream("UserExecStream", "ExecRequest", "ExecOutput", {"args": ["echo", "hi"]}, "UserAgent"))
        self.assertEqual((parts[0].data, parts[-1].exit_code), (b"hi\n", 0))

    def test_refusals(self):
        for name, run in (("exec", agent.exec), ("start", agent.exec_stream)):
            with self.subTest(name):
                self.refused(Status.INVALID_ARGUMENT, "^args required$", run)
                self.refused(Status.INVALID_ARGUMENT, "ghost", lambda: run("true", user="ghost"))
                self.refused(Status.INTERNAL, f"^{name}: .*not found", lambda: run("no-such-command"))
                self.refused(Status.INTERNAL, f"^{name}: .*cannot be run", lambda: run("/etc/passwd"))
                self.refused(Status.INTERNAL, f"^{name}: .*/no/such", lambda: run("true", working_dir="/no/such"))

    def test_deadline_and_cancel(self):
        self.refused(Status.DEADLINE_EXCEEDED, "", lambda: agent.call(
            "Exec", "ExecRequest", "ExecResponse", {"args": ["sleep", "60"]}, timeout=0.3))
        call = agent.stream("ExecStream", "ExecRequest", "ExecOutput", {"args": ["sh", "-c", "echo $$; exec sleep 60"]})
        pid = int(next(call).data)
        call.cancel()
        self.assertEqual(call.code(), Status.CANCELLED)
        for _ in range(PATIENCE * 100):
            if not os.path.exists(f"/proc/{pid}"):
                return
            time.sleep(0.01)
        self.fail("the command outlived its call")

    def test_stream(self):
        parts = agent.exec_stream("sh", "-c", "echo out; echo err >&2; head -c 1000000 /dev/zero; exit 4")
        last = parts.pop()
        self.assertTrue(last.HasField("exit_code"))
        self.assertEqual((last.exit_code, last.data), (4, b""))
        self.assertFalse(any(part.HasField("exit_code") for part in parts))
        self.assertEqual(b"".join(p.data for p in parts if p.stream == 0), b"out\n" + bytes(1000000))
        self.assertEqual(b"".join(p.data for p in parts if p.stream == 1), b"err\n")


class Files(AgentTest):
    def write(self, **fields):
        return agent.call("WriteFile", "WriteFileRequest", "Empty", fields)

    def read(self, **fields):
        return agent.call("ReadFile", "ReadFileRequest", "ReadFileResponse", fields)

    def mode(self, path):
        return os.stat(path).st_mode & 0o7777

    def test_write_and_read(self):
        path = self.path("a", "b")
        details = self.refused(Status.NOT_FOUND, re.escape(path), lambda: self.write(path=path, data=b"x"))
        self.assertEqual(details, path + ": No such file or directory")
        self.write(path=path, data=b"0123", create_parents=True)
        self.assertEqual(self.mode(path), 0o644)
        self.write(path=path, data=b"45", append=True)
        whole = self.read(path=path)
        self.assertEqual((whole.data, whole.size, whole.mode), (b"012345", 6, 0o644))
        part = self.read(path=path, offset=2, limit=3)
        self.assertEqual((part.data, part.size), (b"234", 6))
        self.assertEqual(self.read(path=path, offset=5, limit=100).data, b"5")
        self.write(path=self.path("tight"), data=b"", mode=0o600)
        self.assertEqual(self.mode(self.path("tight")), 0o600)

    def test_refusals(self):
        missing = self.path("missing")
        self.refused(Status.NOT_FOUND, "^stat: " + re.escape(missing), lambda: self.read(path=missing))
        for name, request in (("ReadFile", "ReadFileRequest"), ("WriteFile", "WriteFileRequest"), ("Mkdir", "MkdirRequest")):
            self.refused(Status.INVALID_ARGUMENT, "path", lambda: agent.call(name, request, "Empty"))

    def test_mkdir(self):
        agent.call("Mkdir", "MkdirRequest", "Empty", {"path": self.path("one")})
        self.assertEqual(self.mode(self.path("one")), 0o755)
        deep = self.path("x", "y", "z")
        self.refused(Status.NOT_FOUND, "", lambda: agent.call("Mkdir", "MkdirRequest", "Empty", {"path": deep}))
        agent.call("Mkdir", "MkdirRequest", "Empty", {"path": deep, "all": True, "mode": 0o700})
        self.assertEqual(self.mode(deep), 0o700)

    def test_copy_in_and_out(self):
        path, block = self.path("n", "copy"), os.urandom(65536)
        chunk, init = PB["CopyInChunk"], PB["CopyInInit"]
        agent.copy_in([chunk(init=init(path=path, mode=0o640, create_parents=True))] + [chunk(data=block)] * 40)
        self.assertEqual((self.mode(path), os.stat(path).st_size), (0o640, 40 * 65536))
        parts = list(agent.stream("CopyOut", "CopyOutRequest", "CopyOutChunk", {"path": path}))
        self.assertEqual((parts[0].init.total_size, parts[0].init.mode), (40 * 65536, 0o640))
        self.assertEqual(b"".join(part.data for part in parts[1:]), block * 40)
        self.refused(Status.INVALID_ARGUMENT, "init", lambda: agent.copy_in([chunk(data=b"x")]))
        self.refused(Status.NOT_FOUND, "", lambda: agent.stream(
            "CopyOut", "CopyOutRequest", "CopyOutChunk", {"path": self.path("gone")}))


class ZLast(AgentTest):
    """Last by its name: the VM is down afterwards."""

    def test_shutdown(self):
        agent.call("Shutdown", "ShutdownRequest", "Empty", {"force": True})
        for _ in range(PATIENCE * 20):
            if not os.path.exists(agent_path):
                return
            time.sleep(0.05)
        self.fail("the VM is still there")


program, vm_program = (os.path.realpath(word) for word in sys.argv[1:])
with tempfile.TemporaryDirectory(prefix="cove-interop-") as home:
    surroundings = {**os.environ, "COVE_HOME": home, "COVE_BACKEND": "fake", "COVE_TEST_OWNER": str(os.getpid())}
    subprocess.run([program, "up", "web"], env=surroundings, check=True, timeout=PATIENCE)
    agent_path = os.path.join(home, "vms", "web", "agent.sock")
    with open(os.path.join(home, "vms", "web", "control.token"), encoding="ascii") as text:
        token_of_vm = text.read().strip()
    with grpc.insecure_channel("unix:" + agent_path) as to_agent:
        agent = Agent(to_agent, token_of_vm)
        ended = unittest.main(argv=sys.argv[:1], exit=False, verbosity=0)
    subprocess.run([program, "delete", "-force", "web"], env=surroundings, check=False, timeout=PATIENCE,
                   capture_output=True)
sys.exit(0 if ended.result.wasSuccessful() else 1)
