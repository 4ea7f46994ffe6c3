// Round trips inside one client, through the supervisor's relay: of a ping (the agent alone) and of `true` (a
// process in the guest): exec_bench HOME VM [COUNT]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "agent/rpc_agent_client.h"
#include "base/unix_socket.h"
#include "rpc/channel.h"
#include "store/vm_directory.h"

namespace {

using namespace cove;

template <typename T>
Result<void> discard(Result<T> result) {
  if (!result.ok()) return std::move(result).error();
  return {};
}

Result<void> percentiles(const char* name, int count, const std::function<Result<void>()>& round_trip) {
  std::vector<double> times;
  for (int i = 0; i < count + 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    COVE_TRY(round_trip());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (i >= 5) times.push_back(took.count());  // the first ones fill the guest's translation cache
  }
  std::sort(times.begin(), times.end());
  std::printf("%s: p50 %.2f ms, p90 %.2f ms, %d runs\n", name, times[times.size() / 2],
              times[times.size() * 9 / 10], count);
  return {};
}

Result<void> measure(const VmDirectory& vm, int count) {
  const auto token = COVE_TRY(vm.load_token());
  rpc::ChannelOptions options;
  options.metadata = {{"authorization", "Bearer " + token}};
  const std::shared_ptr<rpc::Channel> channel =
      COVE_TRY(rpc::Channel::create(COVE_TRY(connect_unix({}, vm.agent_socket())), std::move(options)));
  const auto client = make_rpc_agent_client(
      [&](const OpContext&, GuestAgentClient::Realm) -> Result<std::shared_ptr<rpc::Channel>> {
        return channel;
      },
      "bench");
  COVE_TRY(percentiles("ping", count, [&] { return discard(client->ping({})); }));
  return percentiles("exec true", count, [&]() -> Result<void> {
    ExecRequest request;
    request.args = {"/bin/true"};
    const auto done = COVE_TRY(client->exec({}, GuestAgentClient::Realm::kSystem, request, {}));
    if (!done.end.status.success()) return Error(Code::kInternal, "true failed");
    return {};
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: exec_bench HOME VM [COUNT]\n");
    return 2;
  }
  auto name = VmName::parse(argv[2]);
  if (!name.ok()) return 2;
  const auto done =
      measure(VmDirectory(Home(argv[1]), std::move(name).value()), argc > 3 ? std::atoi(argv[3]) : 100);
  if (done.ok()) return 0;
  std::fprintf(stderr, "exec_bench: %s\n", done.error().message().c_str());
  return 1;
}
