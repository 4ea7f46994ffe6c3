// OpContext: how long a blocking call may take and how it is told to give up. The first parameter of every
// such call. CancelSource fires once; its tokens may be copied to any thread, polled through fd(), and
// outlive the source.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/result.h"

namespace cove {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;
  Deadline() = default;  // never
  static Deadline never() { return {}; }
  static Deadline after(std::chrono::nanoseconds span);
  static Deadline at(Clock::time_point when);

  bool is_never() const { return !when_.has_value(); }
  bool expired() const { return when_ && Clock::now() >= *when_; }
  // Time left, zero when expired; nullopt = for ever.
  std::optional<std::chrono::nanoseconds> remaining() const;
  // Argument for poll(): milliseconds rounded up, -1 = for ever.
  int poll_timeout_ms() const;
  // The earlier of the two.
  static Deadline earlier(Deadline a, Deadline b);

 private:
  std::optional<Clock::time_point> when_;
};

class CancelToken {
 public:
  CancelToken() = default;  // never cancelled
  bool cancelled() const;
  // Readable once cancelled; -1 for a token that never is. Borrowed.
  int fd() const;

 private:
  friend class CancelSource;
  struct State;
  explicit CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class CancelSource {
 public:
  CancelSource();
  // Its tokens are cancelled with it and with `parent`. At most four generations.
  static CancelSource child_of(const CancelToken& parent);
  CancelToken token() const;
  // Idempotent; may be called from any thread and, as it only writes an eventfd, from a signal handler.
  void cancel() const;

 private:
  std::shared_ptr<CancelToken::State> state_;
};

struct OpContext {
  CancelToken cancel;
  Deadline deadline;

  // kCancelled or kDeadlineExceeded when the caller no longer wants the answer.
  Result<void> check() const;
  OpContext with_deadline(Deadline sooner) const { return {cancel, Deadline::earlier(deadline, sooner)}; }
  OpContext with_timeout(std::chrono::nanoseconds span) const { return with_deadline(Deadline::after(span)); }
};

}  // namespace cove
