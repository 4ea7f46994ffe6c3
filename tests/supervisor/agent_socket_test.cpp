// Many clients of agent.sock at once, and what foreign ones see of it.
#include "agent/guest_agent_client.h"
#include "base/unix_socket.h"
#include "proto/agent.pb.h"
#include "rpc/channel.h"
#include "vm_fixture.h"

namespace cove {
namespace {

class AgentSocketTest : public VmFixture {
 protected:
  std::unique_ptr<rpc::Channel> dial() {
    rpc::ChannelOptions options;
    options.metadata = {{"authorization", "Bearer " + vm_.load_token().value()}};
    return rpc::Channel::create(connect_unix(kPatient, vm_.agent_socket()).value(), std::move(options))
        .value();
  }
};

// All run at the same time: none may wait for another's end, none be turned away.
TEST_F(AgentSocketTest, AHundredCommandsRunAtOnce) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok()) << vm.error().message();
  ASSERT_TRUE(wait_for("agent"));
  vz::agent::v1::ExecRequest request;
  for (const char* word : {"sh", "-c", "echo up; exec sleep 1000"}) request.add_args(word);
  std::vector<std::unique_ptr<rpc::Channel>> channels;
  std::vector<std::unique_ptr<rpc::ClientStream>> calls;
  for (int i = 0; i < 100; ++i) {
    channels.push_back(dial());
    calls.push_back(channels.back()->open(kPatient, "/vz.agent.v1.Agent/ExecStream").value());
    ASSERT_TRUE(calls.back()->write(kPatient, request).ok());
    calls.back()->close_send();
  }
  for (auto& call : calls) {
    vz::agent::v1::ExecOutput output;
    const auto read = call->read(kPatient, output);
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(output.data(), "up\n");
  }
  calls.clear();
  EXPECT_TRUE(stop("force").ok());
}

}  // namespace
}  // namespace cove
