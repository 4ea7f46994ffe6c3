// LinkEnd: one end of an agent link in a test, with a loop on a thread of its own; streams the other end
// opens queue up. Its members may be called from any thread but that one.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "base/guarded.h"
#include "base/loop_thread.h"
#include "base/testing/patience.h"
#include "channel/agent_link.h"

namespace cove::testing {

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) ADD_FAILURE() << result.error().message();
  return std::move(result).value();
}

class LinkEnd {
 public:
  LinkEnd(AgentLink::Role role, UniqueFd stream) : loop_("test-link") {
    auto accept = [this](std::uint32_t port, UniqueFd fd) {
      last_port_ = port;
      EXPECT_TRUE(accepted_.put(patient(), std::move(fd)).ok());
    };
    link_ = must(AgentLink::create(std::move(stream), {.role = role, .on_accept = accept, .on_state = {}}));
    loop_.do_on_loop([this] { registration_ = link_->attach(loop_.loop()); });
  }
  ~LinkEnd() { stop(); }
  // As if the process died: the stream closes.
  void stop() {
    loop_.do_on_loop([this] {
      registration_.reset();
      link_.reset();
    });
  }
  AgentLink& link() { return *link_; }
  UniqueFd accept() { return std::move(must(accepted_.take(patient())).value()); }
  std::uint32_t last_port() const { return last_port_; }
  template <typename Fn>
  auto on_loop(Fn fn) {
    return loop_.do_on_loop(std::move(fn));
  }

 private:
  LoopThread loop_;
  Mailbox<UniqueFd> accepted_{64};
  std::atomic<std::uint32_t> last_port_{0};
  std::unique_ptr<AgentLink> link_;
  Registration registration_;
};

}  // namespace cove::testing
