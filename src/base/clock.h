// Clock: time that tests can hold in their hand. SystemClock is the real one. Any thread.
#pragma once

#include <chrono>
#include <string>

#include "base/cancel.h"

namespace cove {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point now() const = 0;
  virtual std::chrono::system_clock::time_point wall_now() const = 0;
  // Waits; ends early with kCancelled or kDeadlineExceeded as ctx says. The only sleep of the project.
  virtual Result<void> sleep(const OpContext& ctx, std::chrono::nanoseconds span) = 0;
};

class SystemClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override;
  std::chrono::system_clock::time_point wall_now() const override;
  Result<void> sleep(const OpContext& ctx, std::chrono::nanoseconds span) override;
};

// RFC 3339 in UTC with seconds: "2026-04-19T12:00:00Z".
std::string format_rfc3339(std::chrono::system_clock::time_point when);
Result<std::chrono::system_clock::time_point> parse_rfc3339(const std::string& text);

}  // namespace cove
