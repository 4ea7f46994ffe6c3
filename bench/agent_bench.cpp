// agent_bench SOCKET [grow]: the agent inside a running guest, over QEMU's chardev socket: round trips,
// command latency, bulk both ways. Prints one "name value unit" line each. With "grow" it also grows / first.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "agent/rpc_agent_client.h"
#include "base/event_loop.h"
#include "base/thread.h"
#include "base/unix_socket.h"
#include "channel/virtio_serial_channel.h"

namespace {

using namespace cove;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 100;
constexpr std::uint64_t kBulkBytes = std::uint64_t{256} << 20U;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<void> percentiles(const char* name, const std::function<Result<void>()>& operation) {
  std::vector<double> ms;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = Clock::now();
    COVE_TRY(operation());
    ms.push_back(seconds_since(start) * 1e3);
  }
  std::sort(ms.begin(), ms.end());
  std::printf("%s_p50 %.2f ms\n%s_p95 %.2f ms\n", name, ms[kRounds / 2], name, ms[kRounds * 95 / 100]);
  return {};
}

class Count final : public ExecSink {
 public:
  Result<void> on_output(ExecStream, std::string_view bytes) override {
    bytes_ += bytes.size();
    return {};
  }
  std::uint64_t bytes_ = 0;
};

Result<void> bulk_out(const OpContext& ctx, GuestAgentClient& client) {
  ExecRequest request;
  request.args = {"head", "-c", std::to_string(kBulkBytes), "/dev/zero"};
  Count count;
  const auto start = Clock::now();
  COVE_TRY(client.exec_stream(ctx, GuestAgentClient::Realm::kSystem, request, count));
  std::printf("guest_to_host %.1f MB/s\n", static_cast<double>(count.bytes_) / 1e6 / seconds_since(start));
  return {};
}

Result<void> bulk_in(const OpContext& ctx, GuestAgentClient& client) {
  ExecRequest request;
  request.args = {"sh", "-c", "cat > /dev/null"};
  request.standard_input = ExecRequest::Stdin::kStream;
  const auto session = COVE_TRY(client.attach(ctx, GuestAgentClient::Realm::kSystem, request));
  const auto start = Clock::now();
  Thread writer("writer", [&] {
    const std::string chunk(std::size_t{1} << 20U, 'x');
    for (std::uint64_t sent = 0; sent < kBulkBytes; sent += chunk.size()) {
      if (!session->write_stdin(ctx, chunk).ok()) return;
    }
    static_cast<void>(session->close_stdin(ctx));
  });
  Count count;
  COVE_TRY(session->wait(ctx, count));
  std::printf("host_to_guest %.1f MB/s\n", static_cast<double>(kBulkBytes) / 1e6 / seconds_since(start));
  return {};
}

Result<void> prepare(const OpContext& ctx, GuestAgentClient& client, bool grow) {
  const auto hello = COVE_TRY(client.hello(ctx, GuestAgentClient::Realm::kSystem));
  std::printf("agent %s\n", hello.agent_version.c_str());
  COVE_TRY(client.set_clock(ctx));
  COVE_TRY(client.set_hostname(ctx, "bench"));
  GuestUser user;
  user.name = "bench";
  user.sudo = GuestUser::Sudo::kWithoutPassword;
  user.realm = GuestUser::Realm::kBecome;
  user.ssh_keys = {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIbench bench"};
  auto start = Clock::now();
  COVE_TRY(client.ensure_user(ctx, user));
  std::printf("ensure_user %.1f ms\n", seconds_since(start) * 1e3);
  start = Clock::now();
  if (grow) {
    const auto bytes = COVE_TRY(client.grow_root(ctx));
    std::printf("grow_root %.1f ms to %llu bytes\n", seconds_since(start) * 1e3,
                static_cast<unsigned long long>(bytes));
  }
  ExecRequest request;
  request.args = {"sh", "-c",
                  "id; hostname; date -u +%s; df -B1 --output=size / | tail -1; sudo -n id -u; pwd"};
  const auto who = COVE_TRY(client.exec(ctx, GuestAgentClient::Realm::kUser, request, {}));
  std::printf("%s%s", who.out.c_str(), who.err.c_str());
  return {};
}

Result<void> run(const std::string& path, bool grow) {
  const OpContext ctx{CancelToken(), Deadline::after(std::chrono::minutes(5))};
  const auto loop = make_event_loop();
  const auto channel = COVE_TRY(VirtioSerialChannel::create(*loop, COVE_TRY(connect_unix(ctx, path))));
  Thread thread("agent-link", [&] { loop->run(); });
  auto measured = [&]() -> Result<void> {
    const auto start = Clock::now();
    COVE_TRY(channel->wait_up(ctx));
    std::printf("agent_up_after %.2f s\n", seconds_since(start));
    std::fflush(stdout);
    const auto client = make_rpc_agent_client(connect_through(*channel), "bench");
    COVE_TRY(prepare(ctx, *client, grow));
    COVE_TRY(percentiles("ping", [&]() -> Result<void> {
      COVE_TRY(client->ping(ctx));
      return {};
    }));
    ExecRequest request;
    request.args = {"true"};
    for (const auto realm : {GuestAgentClient::Realm::kSystem, GuestAgentClient::Realm::kUser}) {
      COVE_TRY(percentiles(realm == GuestAgentClient::Realm::kSystem ? "exec_true_root" : "exec_true_user",
                           [&]() -> Result<void> {
                             COVE_TRY(client->exec(ctx, realm, request, {}));
                             return {};
                           }));
    }
    COVE_TRY(bulk_out(ctx, *client));
    return bulk_in(ctx, *client);
  }();
  loop->stop();
  thread.join();
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: agent_bench SOCKET [grow]\n");
    return 2;
  }
  const auto done = run(argv[1], argc > 2);
  if (done.ok()) return 0;
  std::fprintf(stderr, "agent_bench: %s\n", done.error().message().c_str());
  return 1;
}
