// FakeAgent: a guest without a machine: the agent's real services in this process, as the user who runs the
// tests, behind a real agent link over a socketpair. Owned by the test; any thread, but restart() and the
// like from one.
#pragma once

#include <memory>
#include <string>

#include "agent/rpc_agent_client.h"
#include "agentd/agent_server.h"
#include "base/event_loop.h"
#include "base/files.h"
#include "channel/virtio_serial_channel.h"

namespace cove::testing {

class FakeAgent final {
 public:
  FakeAgent();
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;
  ~FakeAgent();

  GuestChannel& channel() { return *channel_; }
  VirtioSerialChannel& link() { return *channel_; }
  // A client of its own connections.
  std::unique_ptr<GuestAgentClient> client() {
    return make_rpc_agent_client(connect_through(*channel_), "test");
  }
  // The folder that is / to what the agent reads of the guest (passwd, agent.conf).
  const std::filesystem::path& root() const { return root_.path(); }
  // As if the agent's process died, at whatever byte, and was started again.
  void restart();

 private:
  void start_agent();
  void stop_agent();

  TempDir root_;
  UniqueFd guest_end_;  // the port: stays when an agent goes
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<VirtioSerialChannel> channel_;
  Thread loop_thread_;
  CancelSource agent_over_;
  std::unique_ptr<agentd::AgentServer> server_;
  Thread agent_thread_;
};

// passwd, group and agent.conf under `root` with one user, "tester": who runs the tests.
void write_test_accounts(const std::filesystem::path& root);

}  // namespace cove::testing
