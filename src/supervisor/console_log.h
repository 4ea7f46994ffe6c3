// ConsoleLog: serial.log: everything a guest's console ever said, rotated, 0600. ConsoleTail: the latest of
// it, and as lines fit for a message. Both: one thread at a time.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class ConsoleLog {
 public:
  static constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 20U;  // then it becomes serial.log.1

  static Result<ConsoleLog> open(const std::filesystem::path& path);
  // A full disk loses console lines, never the VM: failures are counted, not returned.
  void append(std::string_view bytes);
  std::uint64_t lost_bytes() const { return lost_bytes_; }

 private:
  ConsoleLog(std::filesystem::path path, UniqueFd fd, std::uint64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}
  void rotate();

  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_bytes_ = 0;
};

class ConsoleTail {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 10U;

  void append(std::string_view bytes);
  // Bytes appended since the beginning; positions count from there.
  std::uint64_t end() const { return end_; }
  // Everything from `position` on, as it came; of what is no longer kept, nothing.
  std::string from(std::uint64_t position) const;
  // The last lines without terminal controls, each at most 200 bytes.
  std::vector<std::string> lines(std::size_t count) const;

 private:
  std::string bytes_;
  std::uint64_t end_ = 0;
};

}  // namespace cove
