// LoopThread: an event loop running on a thread of its own, which ends with its owner. do_on_loop() runs a
// function there and waits for it; never call it on the loop's own thread.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/thread.h"

namespace cove {

class LoopThread {
 public:
  explicit LoopThread(const std::string& name = "loop") : loop_(make_event_loop()) {
    std::promise<void> running;
    auto started = running.get_future();
    loop_->post([&running] { running.set_value(); });
    thread_ = Thread(name, [this] { loop_->run(); });
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

}  // namespace cove
