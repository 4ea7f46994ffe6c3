// EventLoop: one thread's reactor: descriptors, timers, and work posted by other threads (Boost.Asio inside).
// Everything but post() and stop() is called on the loop's thread. Dropping a Registration cancels it: its
// callback does not run afterwards.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/io.h"
#include "base/result.h"

namespace cove {

// Work that ends on the loop's thread with a result, exactly once.
template <typename T>
using Done = std::function<void(Result<T>)>;

class Registration {
 public:
  Registration() = default;
  explicit Registration(std::function<void()> cancel) : cancel_(std::move(cancel)) {}
  Registration(Registration&& other) noexcept : cancel_(std::exchange(other.cancel_, nullptr)) {}
  Registration& operator=(Registration&& other) noexcept {
    reset();
    cancel_ = std::exchange(other.cancel_, nullptr);
    return *this;
  }
  ~Registration() { reset(); }
  void reset() {
    if (auto cancel = std::exchange(cancel_, nullptr)) cancel();
  }
  explicit operator bool() const { return cancel_ != nullptr; }

 private:
  std::function<void()> cancel_;
};

class EventLoop {
 public:
  virtual ~EventLoop() = default;
  // Calls on_ready each time the descriptor is ready, until the registration is dropped. The descriptor is
  // borrowed and must stay open as long; several watches may name the same descriptor.
  virtual Registration watch(int fd, Ready interest, std::function<void()> on_ready) = 0;
  virtual Registration after(std::chrono::milliseconds delay, std::function<void()> fn) = 0;
  // The only members other threads may call.
  virtual void post(std::function<void()> fn) = 0;
  virtual void stop() = 0;
  virtual bool in_loop_thread() const = 0;
  // Runs callbacks on this thread until stop(), which may have been called before.
  virtual void run() = 0;
  // Runs what is ready now, or waits up to max_wait for one thing; for tests. Returns whether anything ran.
  virtual bool run_one(std::chrono::milliseconds max_wait) = 0;
};

std::unique_ptr<EventLoop> make_event_loop();

}  // namespace cove
