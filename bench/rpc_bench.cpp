// rpc_bench: round trips and throughput of rpc over a socketpair, beside the bare socketpair and grpc++ on
// the same machine in the same run. Prints medians of several runs and the ratios.
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "base/io.h"
#include "base/thread.h"
#include "proto/agent.grpc.pb.h"
#include "rpc/testing/loopback.h"

namespace {

using cove::OpContext;
using cove::Result;
using cove::Thread;
namespace rpc = cove::rpc;
namespace agent = vz::agent::v1;
using Clock = std::chrono::steady_clock;

constexpr int kRuns = 5;
constexpr int kCalls = 4000;
constexpr std::size_t kChunk = 64U << 10;
constexpr std::size_t kBytes = 512U << 20;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double median_of_runs(const std::function<double()>& run) {
  std::vector<double> values;
  for (int i = 0; i < kRuns; i++) values.push_back(run());
  return median(values);
}

// p50 in microseconds of one call.
double round_trip(const std::function<void()>& call) {
  std::vector<double> times;
  for (int i = 0; i < kCalls; i++) {
    const auto start = Clock::now();
    call();
    times.push_back(microseconds_since(start));
  }
  return median(times);
}

// MB/s of a transfer of kBytes.
double rate(const std::function<void()>& transfer) {
  const auto start = Clock::now();
  transfer();
  return static_cast<double>(kBytes) / microseconds_since(start);
}

struct BareSocket {
  double ping() {
    auto [a, b] = cove::make_socketpair(SOCK_STREAM).value();
    Thread peer("peer", [fd = b.get()] {
      char byte[64];
      while (cove::read_some({}, fd, byte).value_or(0) > 0)
        if (!cove::write_all({}, fd, {byte, sizeof byte}).ok()) return;
    });
    char byte[64] = {};
    const double p50 = round_trip([&, fd = a.get()] {
      cove::write_all({}, fd, {byte, sizeof byte}).value();
      cove::read_exact({}, fd, byte).value();
    });
    ::shutdown(a.get(), SHUT_RDWR);
    peer.join();
    return p50;
  }
  double stream() {
    auto [a, b] = cove::make_socketpair(SOCK_STREAM).value();
    return rate([&, in = b.get(), out = a.get()] {
      Thread writer("writer", [&] {
        const std::string chunk(kChunk, 'x');
        for (std::size_t sent = 0; sent < kBytes; sent += kChunk) cove::write_all({}, out, chunk).value();
      });
      std::vector<char> buffer(kChunk);
      for (std::size_t got = 0; got < kBytes;) got += cove::read_some({}, in, buffer).value();
    });
  }
};

rpc::Handlers handlers() {
  rpc::Handlers methods;
  methods.unary<agent::PingRequest, agent::PingResponse>(
      "/vz.agent.v1.Agent/Ping",
      [](const OpContext&, const agent::PingRequest&, agent::PingResponse& reply) -> Result<void> {
        reply.set_version("1");
        return {};
      });
  methods.server_streaming<agent::CopyOutRequest>(
      "/vz.agent.v1.Agent/CopyOut",
      [](const OpContext& ctx, const agent::CopyOutRequest&, rpc::ServerStream& out) -> Result<void> {
        agent::CopyOutChunk chunk;
        chunk.set_data(std::string(kChunk, 'x'));
        for (std::size_t sent = 0; sent < kBytes; sent += kChunk) COVE_TRY(out.write(ctx, chunk));
        return {};
      });
  methods.stream("/raw", [](const OpContext& ctx, rpc::ServerStream& out) -> Result<void> {
    for (std::size_t sent = 0; sent < kBytes; sent += kChunk)
      COVE_TRY(out.write_raw(ctx, std::string(kChunk, 'x')));
    return {};
  });
  methods.stream("/vz.agent.v1.Agent/CopyIn",
                 [](const OpContext& ctx, rpc::ServerStream& in) -> Result<void> {
                   agent::CopyInChunk chunk;
                   while (COVE_TRY(in.read(ctx, chunk))) continue;
                   return in.write_last(agent::CopyInResponse());
                 });
  return methods;
}

struct Ours {
  const rpc::Handlers methods = handlers();
  rpc::testing::Loopback loop{methods};

  double ping() {
    agent::PingRequest request;
    agent::PingResponse reply;
    return round_trip([&] { loop.channel().call({}, "/vz.agent.v1.Agent/Ping", request, reply).value(); });
  }
  double copy_out() {
    return rate([&] {
      auto stream = loop.channel().open({}, "/vz.agent.v1.Agent/CopyOut").value();
      stream->write({}, agent::CopyOutRequest()).value();
      stream->close_send();
      agent::CopyOutChunk chunk;
      while (stream->read({}, chunk).value()) continue;
    });
  }
  double copy_in() {
    return rate([&] {
      auto stream = loop.channel().open({}, "/vz.agent.v1.Agent/CopyIn").value();
      agent::CopyInChunk chunk;
      chunk.set_data(std::string(kChunk, 'x'));
      for (std::size_t sent = 0; sent < kBytes; sent += kChunk) stream->write({}, chunk).value();
      stream->close_send();
      agent::CopyInResponse reply;
      stream->read({}, reply).value();
    });
  }
  double raw() {
    return rate([&] {
      auto stream = loop.channel().open({}, "/raw").value();
      stream->close_send();
      while (stream->read_raw({}).value()) continue;
    });
  }
};

class GrpcService final : public agent::Agent::Service {
  grpc::Status Ping(grpc::ServerContext*, const agent::PingRequest*, agent::PingResponse* reply) override {
    reply->set_version("1");
    return grpc::Status::OK;
  }
  grpc::Status CopyOut(grpc::ServerContext*, const agent::CopyOutRequest*,
                       grpc::ServerWriter<agent::CopyOutChunk>* out) override {
    agent::CopyOutChunk chunk;
    chunk.set_data(std::string(kChunk, 'x'));
    for (std::size_t sent = 0; sent < kBytes; sent += kChunk) out->Write(chunk);
    return grpc::Status::OK;
  }
  grpc::Status CopyIn(grpc::ServerContext*, grpc::ServerReader<agent::CopyInChunk>* in,
                      agent::CopyInResponse*) override {
    agent::CopyInChunk chunk;
    while (in->Read(&chunk)) continue;
    return grpc::Status::OK;
  }
};

struct Grpc {
  GrpcService service;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<agent::Agent::Stub> stub;

  Grpc() {
    auto [a, b] = cove::make_socketpair(SOCK_STREAM).value();
    cove::set_nonblocking(b.get()).value();
    grpc::ServerBuilder builder;
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
    grpc::AddInsecureChannelFromFd(server.get(), b.release());
    stub = agent::Agent::NewStub(grpc::CreateInsecureChannelFromFd("bench", a.release()));
  }
  double ping() {
    return round_trip([&] {
      grpc::ClientContext ctx;
      agent::PingResponse reply;
      stub->Ping(&ctx, agent::PingRequest(), &reply);
    });
  }
  double copy_out() {
    return rate([&] {
      grpc::ClientContext ctx;
      auto reader = stub->CopyOut(&ctx, agent::CopyOutRequest());
      agent::CopyOutChunk chunk;
      while (reader->Read(&chunk)) continue;
    });
  }
  double copy_in() {
    return rate([&] {
      grpc::ClientContext ctx;
      agent::CopyInResponse reply;
      auto writer = stub->CopyIn(&ctx, &reply);
      agent::CopyInChunk chunk;
      chunk.set_data(std::string(kChunk, 'x'));
      for (std::size_t sent = 0; sent < kBytes; sent += kChunk) writer->Write(chunk);
      writer->WritesDone();
      writer->Finish();
    });
  }
};

void line(const char* name, const char* unit, double ours, double peer, double bare) {
  std::printf("%-10s %9.1f %s   grpc++ %9.1f (ours/grpc++ %.2f)   bare socketpair %9.1f\n", name, ours, unit,
              peer, ours / peer, bare);
}

}  // namespace

int main() {
  BareSocket bare;
  Ours ours;
  Grpc peer;
  const double bare_ping = median_of_runs([&] { return bare.ping(); });
  const double bare_rate = median_of_runs([&] { return bare.stream(); });
  line("unary p50", "us  ", median_of_runs([&] { return ours.ping(); }),
       median_of_runs([&] { return peer.ping(); }), bare_ping);
  const double grpc_out = median_of_runs([&] { return peer.copy_out(); });
  line("copy out", "MB/s", median_of_runs([&] { return ours.copy_out(); }), grpc_out, bare_rate);
  line("copy in", "MB/s", median_of_runs([&] { return ours.copy_in(); }),
       median_of_runs([&] { return peer.copy_in(); }), bare_rate);
  line("raw out", "MB/s", median_of_runs([&] { return ours.raw(); }), grpc_out, bare_rate);
  return 0;
}
