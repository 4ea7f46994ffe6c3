"""Python's grpcio against our rpc library, in both roles, over unix sockets.

usage: grpcio_interop.py PEER_PROGRAM DIRECTORY_OF_MESSAGES
The service is described in interop_service.h.
"""
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import threading

import grpc

CHUNKS, CHUNK_SIZE = 500, 50_000
ERROR_TEXT = "stat /x: 100% \u00e4\n missing"
SERVICE = "/vz.agent.v1.Agent/"


def check(condition, what):
    if not condition:
        sys.exit(f"not as agreed: {what}")


class Client:
    def __init__(self, channel, messages):
        self.channel, self.pb = channel, messages

    def method(self, kind, name, reply):
        return getattr(self.channel, kind)(
            SERVICE + name, request_serializer=lambda m: m.SerializeToString(), response_deserializer=reply.FromString)

    def status_of(self, name, request, reply, timeout=30):
        try:
            self.method("unary_unary", name, reply)(request, timeout=timeout)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    def run(self):
        pb = self.pb
        pong = self.method("unary_unary", "Ping", pb.PingResponse)(pb.PingRequest(), timeout=30)
        check(pong.version == "interop", "Ping")
        code, text = self.status_of("ReadFile", pb.ReadFileRequest(), pb.ReadFileResponse)
        check(code == grpc.StatusCode.NOT_FOUND and text == ERROR_TEXT, f"ReadFile: {code} {text!r}")
        code, _ = self.status_of("Reboot", pb.RebootRequest(), pb.RebootResponse)
        check(code == grpc.StatusCode.UNIMPLEMENTED, f"Reboot: {code}")
        code, _ = self.status_of("Exec", pb.ExecRequest(), pb.ExecResponse, timeout=0.2)
        check(code == grpc.StatusCode.DEADLINE_EXCEEDED, f"Exec: {code}")
        chunks = self.method("unary_stream", "CopyOut", pb.CopyOutChunk)(pb.CopyOutRequest(), timeout=60)
        check(sum(len(c.data) for c in chunks) == CHUNKS * CHUNK_SIZE, "CopyOut")

        def parts():
            yield pb.CopyInChunk(init=pb.CopyInInit(mode=CHUNKS * CHUNK_SIZE))
            for _ in range(CHUNKS):
                yield pb.CopyInChunk(data=b"i" * CHUNK_SIZE)

        self.method("stream_unary", "CopyIn", pb.CopyInResponse)(parts(), timeout=60)
        hang = self.method("unary_unary", "Exec", pb.ExecResponse).future(pb.ExecRequest(), timeout=60)
        hang.cancel()
        check(hang.code() == grpc.StatusCode.CANCELLED, f"cancel: {hang.code()}")


class Service(grpc.GenericRpcHandler):
    def __init__(self, messages):
        pb = messages
        self.pb = pb
        out = lambda m: m.SerializeToString()
        self.methods = {
            "Ping": grpc.unary_unary_rpc_method_handler(
                lambda r, c: pb.PingResponse(version="interop"), pb.PingRequest.FromString, out),
            "ReadFile": grpc.unary_unary_rpc_method_handler(
                lambda r, c: c.abort(grpc.StatusCode.NOT_FOUND, ERROR_TEXT), pb.ReadFileRequest.FromString, out),
            "Exec": grpc.unary_unary_rpc_method_handler(self.hang, pb.ExecRequest.FromString, out),
            "CopyOut": grpc.unary_stream_rpc_method_handler(
                lambda r, c: (pb.CopyOutChunk(data=b"o" * CHUNK_SIZE) for _ in range(CHUNKS)),
                pb.CopyOutRequest.FromString, out),
            "CopyIn": grpc.stream_unary_rpc_method_handler(self.copy_in, pb.CopyInChunk.FromString, out),
        }

    def service(self, call):
        return self.methods.get(call.method.removeprefix(SERVICE))

    def hang(self, request, context):
        over = threading.Event()
        if context.add_callback(over.set):
            over.wait(60)
        return self.pb.ExecResponse()

    def copy_in(self, chunks, context):
        wanted = got = 0
        for chunk in chunks:
            wanted += chunk.init.mode
            got += len(chunk.data)
        if got != wanted:
            context.abort(grpc.StatusCode.DATA_LOSS, f"{got} bytes came")
        return self.pb.CopyInResponse()


def main():
    peer, messages_dir = sys.argv[1:]
    sys.path.insert(0, messages_dir)
    from proto import agent_pb2

    with tempfile.TemporaryDirectory() as folder:
        ours = os.path.join(folder, "ours.sock")
        server = subprocess.Popen([peer, "serve", ours], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check(server.stdout.readline() == b"ready\n", "our server's start")
        with grpc.insecure_channel("unix:" + ours) as channel:
            Client(channel, agent_pb2).run()
        server.stdin.close()
        check(server.wait(30) == 0, "our server's end")

        theirs = os.path.join(folder, "theirs.sock")
        grpc_server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        grpc_server.add_generic_rpc_handlers((Service(agent_pb2),))
        grpc_server.add_insecure_port("unix:" + theirs)
        grpc_server.start()
        called = subprocess.run([peer, "call", theirs], timeout=90)
        grpc_server.stop(0)
        check(called.returncode == 0, "our channel's calls")


main()
