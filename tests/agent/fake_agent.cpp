#include "tests/agent/fake_agent.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

namespace cove::testing {
namespace {

template <typename T>
T must(Result<T> result) {
  return std::move(result).value();
}

}  // namespace

void write_test_accounts(const std::filesystem::path& root) {
  const std::string id = std::to_string(::geteuid()) + ":" + std::to_string(::getegid());
  make_directories(root / "etc/cove").value();
  write_file_atomic(root / "etc/passwd",
                    "tester:x:" + id + ":Tester:/tmp:/bin/sh\nother:x:54321:54321::/:/bin/sh\n")
      .value();
  write_file_atomic(root / "etc/group", "testers:x:" + std::to_string(::getegid()) + ":\n").value();
  write_file_atomic(root / "etc/cove/agent.conf", "user=tester\n").value();
}

FakeAgent::FakeAgent() : root_(must(TempDir::create("/tmp", "cove-fake-agent"))), loop_(make_event_loop()) {
  ::signal(SIGPIPE, SIG_IGN);
  write_test_accounts(root_.path());
  auto [host, guest] = must(make_socketpair(SOCK_STREAM));
  guest_end_ = std::move(guest);
  channel_ = must(VirtioSerialChannel::create(*loop_, std::move(host)));
  loop_thread_ = Thread("fake-host", [this] { loop_->run(); });
  start_agent();
}

FakeAgent::~FakeAgent() {
  stop_agent();
  loop_->stop();
  loop_thread_.join();
}

void FakeAgent::start_agent() {
  agent_over_ = CancelSource();
  server_ = std::make_unique<agentd::AgentServer>("test-agent", root_.path());
  agent_thread_ = Thread("fake-agent", [this, token = agent_over_.token()] {
    static_cast<void>(server_->run({token, Deadline()}, must(duplicate(guest_end_.get()))));
  });
}

void FakeAgent::stop_agent() {
  agent_over_.cancel();
  agent_thread_.join();
  server_.reset();
}

void FakeAgent::restart() {
  stop_agent();
  start_agent();
}

}  // namespace cove::testing
