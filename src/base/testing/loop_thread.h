// LoopThread: an event loop running on a thread of its own, for tests of classes that live on a loop.
// do_on_loop() runs a function there and waits for it.
#pragma once

#include <future>
#include <memory>

#include "base/event_loop.h"
#include "base/thread.h"

namespace cove::testing {

class LoopThread {
 public:
  LoopThread() : loop_(make_event_loop()) {
    std::promise<void> running;
    auto started = running.get_future();
    loop_->post([&running] { running.set_value(); });
    thread_ = Thread("loop", [this] { loop_->run(); });
    started.wait();
  }
  ~LoopThread() {
    loop_->post([this] { loop_->stop(); });
    thread_.join();
  }

  EventLoop& loop() { return *loop_; }
  template <typename Fn>
  auto do_on_loop(Fn fn) -> decltype(fn()) {
    std::packaged_task<decltype(fn())()> task(std::move(fn));
    auto result = task.get_future();
    loop_->post([&task] { task(); });
    return result.get();
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  Thread thread_;
};

}  // namespace cove::testing
