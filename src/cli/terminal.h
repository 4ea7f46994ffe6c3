// The user's terminal: questions, passwords, raw mode. One thread. Whatever is changed is put back when the
// object goes, also after a cancel.
#pragma once

#include <termios.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

bool is_terminal(int fd);

struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  friend bool operator==(const WindowSize&, const WindowSize&) = default;
};
WindowSize window_size(int fd);

// Bytes as typed, no echo, no signals, no translation, until destroyed.
class RawTerminal {
 public:
  static Result<RawTerminal> enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept : fd_(std::exchange(other.fd_, -1)), saved_(other.saved_) {}
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

 private:
  RawTerminal(int fd, const termios& saved) : fd_(fd), saved_(saved) {}
  int fd_;
  termios saved_;
};

// Asks on /dev/tty without echo, twice. kFailedPrecondition if there is no terminal, kInvalidArgument if the
// two differ or are empty.
Result<std::string> ask_password(const OpContext& ctx, const std::string& prompt);
// One line from a descriptor without its line feed; kResourceExhausted beyond 1 KiB.
Result<std::string> read_line(const OpContext& ctx, int fd);
// "question [y/N] " on `err`, the answer from `in`; true only for y or yes.
Result<bool> confirm(const OpContext& ctx, int in, int err, const std::string& question);

}  // namespace cove
