// The agent behind its link: the other calls, restarts, and hosts that leave at any byte.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string>

#include "base/guarded.h"
#include "base/io.h"
#include "base/testing/patience.h"
#include "tests/agent/fake_agent.h"

namespace cove {
namespace {

using namespace std::chrono_literals;
using Realm = GuestAgentClient::Realm;
using testing::patient;

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) ADD_FAILURE() << result.error().message();
  return std::move(result).value();
}

TEST(AgentCalls, HelloPingInfo) {
  testing::FakeAgent agent;
  const auto client = agent.client();
  const auto hello = must(client->hello(patient(), Realm::kUser));
  EXPECT_EQ(hello.api_version, 1U);
  EXPECT_EQ(hello.agent_version, "test-agent");
  EXPECT_EQ(hello.realm_user, "tester");
  EXPECT_TRUE(client->ping(patient()).ok());
  const auto info = must(client->info(patient()));
  EXPECT_FALSE(info.kernel_version.empty());
  EXPECT_GT(info.memory_total_bytes, 0U);
  EXPECT_GT(info.disk_total_bytes, 0U);
}

TEST(AgentCalls, FilesAreReplacedWhole) {
  testing::FakeAgent agent;
  const auto client = agent.client();
  const std::string path = agent.root() / "deep/er/file";
  const std::string bytes(1'500'000, 'f');
  ASSERT_TRUE(client->write_file(patient(), path, bytes, 0640).ok());
  EXPECT_TRUE(must(client->read_file(patient(), path, bytes.size())) == bytes);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0640U);
  const auto inode = info.st_ino;
  ASSERT_TRUE(client->write_file(patient(), path, "new", 0600).ok());
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_NE(info.st_ino, inode);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_EQ(must(list_directory(agent.root() / "deep/er")).size(), 1U);  // no temporary left
  EXPECT_EQ(client->read_file(patient(), path, 2).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(client->read_file(patient(), "/no/such", 10).error().code(), Code::kNotFound);
  EXPECT_TRUE(client->make_directory(patient(), std::string(agent.root() / "a/b"), 0700).ok());
  EXPECT_TRUE(path_exists(agent.root() / "a/b"));
}

TEST(AgentLife, RestartEndsCallsAndTheNextOneWorks) {
  testing::FakeAgent agent;
  const auto client = agent.client();
  ExecRequest request;
  request.args = {"cat"};
  request.standard_input = ExecRequest::Stdin::kStream;
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(client->ping(patient()).ok());
    auto session = must(client->attach(patient(), Realm::kSystem, request));
    ASSERT_TRUE(session->write_stdin(patient(), std::string(100'000, 'x')).ok());
    agent.restart();
    class Ignore final : public ExecSink {
      Result<void> on_output(ExecStream, std::string_view) override { return {}; }
    } ignore;
    const auto end = session->wait(patient(), ignore);
    ASSERT_FALSE(end.ok());
    EXPECT_EQ(end.error().code(), Code::kUnavailable) << end.error().message();
  }
  EXPECT_TRUE(client->ping(patient()).ok());
}

TEST(AgentLife, RaisedEpochEndsCallsAndTheNextOneWorks) {
  testing::FakeAgent agent;
  const auto client = agent.client();
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(client->ping(patient()).ok());
    agent.link().raise_epoch();
    ASSERT_TRUE(agent.link().wait_up(patient()).ok());
  }
  EXPECT_TRUE(client->ping(patient()).ok());
}

// One host: link, client, one command; its wire towards the agent is cut after `limit` bytes.
class CutHost {
 public:
  CutHost(agentd::AgentServer& server, std::uint64_t limit) : loop_(make_event_loop()) {
    auto [host, relay_host] = must(make_socketpair(SOCK_STREAM));
    auto [agent, relay_agent] = must(make_socketpair(SOCK_STREAM));
    channel_ = must(VirtioSerialChannel::create(*loop_, std::move(host)));
    loop_thread_ = Thread("host", [this] { loop_->run(); });
    relay_ = Thread("relay", [this, limit, a = relay_host.release(), b = relay_agent.release()] {
      relay(UniqueFd(a), UniqueFd(b), limit);
    });
    agent_ = Thread(
        "agent", [&server, fd = agent.release()] { EXPECT_TRUE(server.run(patient(), UniqueFd(fd)).ok()); });
  }
  ~CutHost() {
    loop_->stop();
    loop_thread_.join();
    channel_.reset();
    relay_.join();
    agent_.join();  // run() came back: the agent saw the host go
  }
  Result<void> session() {
    const auto client = make_rpc_agent_client(connect_through(*channel_), "test");
    ExecRequest request;
    request.args = {"true"};
    return client->exec({CancelToken(), Deadline::after(20s)}, Realm::kSystem, request, {}).ok()
               ? Result<void>()
               : Error(Code::kUnavailable, "no answer");
  }
  // What passed from the host to the agent; after session() of an uncut host.
  std::string passed() const {
    return stream_.read([](const std::string& text) { return text; });
  }

 private:
  void relay(UniqueFd host, UniqueFd agent, std::uint64_t limit) {
    char chunk[65536];
    std::uint64_t passed = 0;
    for (;;) {
      pollfd fds[2] = {{host.get(), POLLIN, 0}, {agent.get(), POLLIN, 0}};
      ::poll(fds, 2, -1);
      if (fds[0].revents != 0) {
        const ssize_t count =
            ::recv(host.get(), chunk, std::min<std::uint64_t>(sizeof chunk, limit - passed), 0);
        if (count <= 0) return;
        if (!write_all(patient(), agent.get(), {chunk, static_cast<std::size_t>(count)}).ok()) return;
        passed += static_cast<std::uint64_t>(count);
        stream_.with([&](std::string& text) { text.append(chunk, static_cast<std::size_t>(count)); });
        if (passed == limit) return;
      }
      if (fds[1].revents != 0) {
        const ssize_t count = ::recv(agent.get(), chunk, sizeof chunk, 0);
        if (count <= 0 || !write_all(patient(), host.get(), {chunk, static_cast<std::size_t>(count)}).ok())
          return;
      }
    }
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<VirtioSerialChannel> channel_;
  Guarded<std::string> stream_;
  Thread loop_thread_;
  Thread relay_;
  Thread agent_;
};

std::size_t open_descriptors() { return must(list_directory("/proc/self/fd")).size(); }

TEST(AgentLife, SurvivesAHostThatLeavesAtAnyByte) {
  const TempDir root = must(TempDir::create("/tmp", "cove-cut-host"));
  testing::write_test_accounts(root.path());
  ::signal(SIGPIPE, SIG_IGN);
  const std::size_t before = open_descriptors();
  auto server = std::make_unique<agentd::AgentServer>("test-agent", root.path());
  std::string whole;
  {
    CutHost host(*server, ~std::uint64_t{0});
    ASSERT_TRUE(host.session().ok());
    whole = host.passed();
  }
  int cuts = 0;
  for (std::size_t limit = 1; limit <= whole.size(); ++limit) {
    // The greetings' thousands of zeros are all alike.
    const std::size_t near = limit < 16 ? 0 : limit - 16;
    if (limit % 4096 != 0 && whole.find_first_not_of('\0', near) > limit) continue;
    CutHost host(*server, limit);
    static_cast<void>(host.session());  // fails or not, by what the cut left
    ++cuts;
  }
  EXPECT_GT(cuts, 100);
  {
    CutHost host(*server, ~std::uint64_t{0});
    ASSERT_TRUE(host.session().ok());
  }
  server.reset();  // its sessions have ended
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace cove
