// LoopThread: an event loop running on a thread of its own, which ends with its owner. do_on() and its member
// do_on_loop() run a function on a loop that runs on another thread, and wait for it.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/thread.h"

namespace cove {

// Never on the loop's own thread.
template <typename Fn>
auto do_on(EventLoop& loop, Fn fn) -> decltype(fn()) {
  // Shared: the loop's thread is still inside when the waiting one already has its result.
  auto task = std::make_shared<std::packaged_task<decltype(fn())()>>(std::move(fn));
  auto result = task->get_future();
  loop.post([task] { (*task)(); });
  return result.get();
}

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
    return do_on(*loop_, std::move(fn));
  }

 private:
  std::unique_ptr<EventLoop> loop_;
  Thread thread_;
};

}  // namespace cove
