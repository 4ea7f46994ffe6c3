// Guarded<T>: a value that can be reached only under its lock, with a condition to wait on. The project's
// only mutex.
//   Guarded<State> state;
//   state.with([](State& s) { s.count++; });                      // wakes waiters
//   state.wait(ctx, [](State& s) { return s.count > 3; });        // until true, cancelled or past the
//   deadline
// Mailbox<T>: a bounded queue between threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/poll_waiter.h"

namespace cove {

template <typename T>
class Guarded {
 public:
  template <typename... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  template <typename Fn>
  auto with(Fn&& fn) {
    std::lock_guard lock(mutex_);
    // Under the lock: a waiter may destroy this as soon as it sees what it waited for.
    struct Waker {
      Guarded& guarded;
      ~Waker() { guarded.wake_all(); }
    } waker{*this};
    return std::forward<Fn>(fn)(value_);
  }
  template <typename Fn>
  auto read(Fn&& fn) const {
    std::lock_guard lock(mutex_);
    return std::forward<Fn>(fn)(static_cast<const T&>(value_));
  }
  // Waits until ready(value) is true, then calls then(value) under the same lock.
  template <typename Ready, typename Then>
  Result<void> wait(const OpContext& ctx, Ready&& ready, Then&& then) {
    std::unique_lock lock(mutex_);
    COVE_TRY(ctx.cancel.fd() < 0 ? wait_locked(lock, ctx, ready) : poll_locked(lock, ctx, ready));
    then(value_);
    wake_all();
    return {};
  }
  template <typename Ready>
  Result<void> wait(const OpContext& ctx, Ready&& ready) {
    return wait(ctx, std::forward<Ready>(ready), [](T&) {});
  }

 private:
  template <typename Ready>
  Result<void> wait_locked(std::unique_lock<std::mutex>& lock, const OpContext& ctx, Ready& ready) {
    while (!ready(value_)) {
      if (auto live = ctx.check(); !live.ok()) return live;
      const auto left = ctx.deadline.remaining();
      changed_.wait_for(lock, left.value_or(std::chrono::hours(1)));
    }
    return {};
  }
  template <typename Ready>
  Result<void> poll_locked(std::unique_lock<std::mutex>& lock, const OpContext& ctx, Ready& ready) {
    if (ready(value_)) return {};
    const PollWaiter waiter;
    pollers_.push_back(&waiter);
    Result<void> live = ctx.check();
    while (live.ok() && !ready(value_)) {
      lock.unlock();
      waiter.wait(ctx);
      lock.lock();
      // What has come by now counts, although the time is over.
      if (!ready(value_)) live = ctx.check();
    }
    std::erase(pollers_, &waiter);
    return live;
  }
  void wake_all() {
    changed_.notify_all();
    for (const auto* poller : pollers_) poller->wake();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<const PollWaiter*> pollers_;
  T value_;
};

template <typename T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}

  // Waits for room. kUnavailable once closed.
  Result<void> put(const OpContext& ctx, T item) {
    bool closed = false;
    COVE_TRY(state_.wait(
        ctx, [&](State& s) { return s.closed || s.items.size() < capacity_; },
        [&](State& s) {
          closed = s.closed;
          if (!closed) s.items.push_back(std::move(item));
        }));
    if (closed) return Error(Code::kUnavailable, "closed");
    return {};
  }
  // Waits for an item; nullopt once closed and empty.
  Result<std::optional<T>> take(const OpContext& ctx) {
    std::optional<T> item;
    COVE_TRY(state_.wait(
        ctx, [](State& s) { return s.closed || !s.items.empty(); },
        [&](State& s) {
          if (s.items.empty()) return;
          item = std::move(s.items.front());
          s.items.pop_front();
        }));
    return item;
  }
  void close() {
    state_.with([](State& s) { s.closed = true; });
  }

 private:
  struct State {
    std::deque<T> items;
    bool closed = false;
  };
  std::size_t capacity_;
  Guarded<State> state_;
};

}  // namespace cove
