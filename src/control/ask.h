// ask(): from a handler's thread, has a loop's thread start something that ends with Done, and waits for it.
// No timer, no polling: the waiting thread sleeps on a descriptor.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>

#include "base/event_loop.h"
#include "base/guarded.h"
#include "base/io.h"

namespace cove {

// When ctx ends first, what was started goes on and its result is dropped. Never on the loop's own thread.
template <typename T>
Result<T> ask(const OpContext& ctx, EventLoop& loop, std::function<void(Done<T>)> start) {
  struct Answer {
    UniqueFd ready{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    Guarded<std::optional<Result<T>>> value;
  };
  COVE_CHECK(!loop.in_loop_thread());
  const auto answer = std::make_shared<Answer>();
  if (!answer->ready) return Error(Code::kResourceExhausted, "no descriptors left");
  loop.post([answer, start = std::move(start)] {
    start([answer](Result<T> result) {
      answer->value.with([&](auto& value) { value.emplace(std::move(result)); });
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(answer->ready.get(), &one, sizeof one);
    });
  });
  const auto waited = wait_ready(ctx, answer->ready.get(), Ready::kRead);
  // An answer that came together with the end of ctx still counts.
  auto value = answer->value.with([](auto& held) { return std::move(held); });
  if (value) return std::move(*value);
  return waited.ok() ? Error(Code::kInternal, "no answer") : waited.error();
}

}  // namespace cove
