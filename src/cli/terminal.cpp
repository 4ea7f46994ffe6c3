#include "cli/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kMaxSecretLine = 1024;

class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &saved_) != 0) return;
    termios quiet = saved_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() {
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &saved_);
  }

 private:
  int fd_;
  termios saved_{};
  bool changed_ = false;
};

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

WindowSize window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

Result<RawTerminal> RawTerminal::enter(int fd) {
  termios saved{};
  if (::tcgetattr(fd, &saved) != 0) return Error::from_errno(errno, "reading the terminal's settings");
  termios raw = saved;
  ::cfmakeraw(&raw);
  if (::tcsetattr(fd, TCSADRAIN, &raw) != 0)
    return Error::from_errno(errno, "setting the terminal to raw mode");
  return RawTerminal(fd, saved);
}

RawTerminal::~RawTerminal() {
  if (fd_ >= 0) ::tcsetattr(fd_, TCSADRAIN, &saved_);
}

Result<std::string> read_line(const OpContext& ctx, int fd) {
  std::string line;
  for (;;) {
    char byte = 0;
    const auto count = COVE_TRY(read_some(ctx, fd, {&byte, 1}));
    if (count == 0 || byte == '\n') break;
    line += byte;
    if (line.size() > kMaxSecretLine)
      return Error(Code::kResourceExhausted, "the line is longer than 1024 bytes");
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

Result<std::string> ask_password(const OpContext& ctx, const std::string& prompt) {
  auto tty = open_file("/dev/tty", O_RDWR);
  if (!tty.ok()) {
    return Error(Code::kFailedPrecondition, "no terminal to ask for a password on")
        .hint("use -password-file FILE, or '-password-file -' for standard input");
  }
  const EchoOff quiet(tty->get());
  const auto ask = [&](const std::string& question) -> Result<std::string> {
    COVE_TRY(write_all(ctx, tty->get(), question));
    auto line = read_line(ctx, tty->get());
    static_cast<void>(write_all({}, tty->get(), "\n"));
    return line;
  };
  const auto first = COVE_TRY(ask(prompt + ": "));
  if (first.empty()) return Error(Code::kInvalidArgument, "the password is empty");
  if (COVE_TRY(ask(prompt + " (again): ")) != first) {
    return Error(Code::kInvalidArgument, "the two passwords differ");
  }
  return first;
}

Result<bool> confirm(const OpContext& ctx, int in, int err, const std::string& question) {
  COVE_TRY(write_all(ctx, err, question + " [y/N] "));
  const auto answer = to_lower(trim(COVE_TRY(read_line(ctx, in))));
  return answer == "y" || answer == "yes";
}

}  // namespace cove
