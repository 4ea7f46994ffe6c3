// ByteQueue: bytes waiting in one piece of memory: filled at its end, eaten from its front. A value of one
// thread. Memory is not cleared, and grows only by ensure_space().
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"

namespace cove {

class ByteQueue {
 public:
  std::size_t size() const { return tail_ - head_; }
  bool empty() const { return head_ == tail_; }
  const char* data() const { return memory_.get() + head_; }
  std::string_view view() const { return {data(), size()}; }

  // At least `bytes` of room behind the end; what is there moves to the front first if that is enough.
  void ensure_space(std::size_t bytes) {
    if (capacity_ - tail_ >= bytes) return;
    const std::size_t used = size();
    if (capacity_ - used < bytes) {
      const std::size_t larger = used + bytes + capacity_ / 2;
      auto memory = std::make_unique_for_overwrite<char[]>(larger);
      if (used > 0) std::memcpy(memory.get(), data(), used);
      memory_ = std::move(memory);
      capacity_ = larger;
    } else if (used > 0) {
      std::memmove(memory_.get(), data(), used);
    }
    head_ = 0;
    tail_ = used;
  }
  std::span<char> space() { return {memory_.get() + tail_, capacity_ - tail_}; }
  void commit(std::size_t bytes) {
    COVE_CHECK(bytes <= capacity_ - tail_);
    tail_ += bytes;
  }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    ensure_space(bytes.size());
    std::memcpy(memory_.get() + tail_, bytes.data(), bytes.size());
    tail_ += bytes.size();
  }
  void consume(std::size_t bytes) {
    COVE_CHECK(bytes <= size());
    head_ += bytes;
    if (head_ == tail_) head_ = tail_ = 0;
  }
  void clear() { head_ = tail_ = 0; }
  void release() {
    memory_.reset();
    head_ = tail_ = capacity_ = 0;
  }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace cove
