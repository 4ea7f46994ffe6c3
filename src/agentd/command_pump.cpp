#include "agentd/command_pump.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

namespace cove::agentd {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kChunkBytes = std::size_t{64} << 10U;
// Pipes grow once a command shows that it writes much: fewer switches between it and us.
constexpr int kBusyPipeBytes = 1 << 20;
// After the command's end each of its pipes may still hold what it wrote, at most this much; more comes from
// others.
constexpr std::size_t kLeftoverBytes = std::size_t{kBusyPipeBytes} + kChunkBytes;
constexpr milliseconds kQuiet{200};
constexpr milliseconds kGrace{1000};

class Pump {
 public:
  Pump(const OpContext& ctx, Command& command, const PumpOptions& options, OutputSink& sink)
      : ctx_(ctx), command_(command), options_(options), input_(options.input), sink_(sink) {}

  Result<CommandEnd> run() {
    const auto start = std::chrono::steady_clock::now();
    const auto done = carry();
    if (!done.ok() && done.error().code() != Code::kDeadlineExceeded) {
      end_group();
      return done.error();
    }
    if (!done.ok()) {
      end_group();
      if (!options_.timeout.expired()) return done.error();
      reason_ = CommandEnd::Reason::kTimeout;
    }
    return CommandEnd{command_.poll_end().value_or(ExitStatus{0, SIGKILL}), reason_,
                      std::chrono::steady_clock::now() - start};
  }

 private:
  // Until the command has ended and its output with it. kDeadlineExceeded: by ctx or by the timeout.
  Result<void> carry() {
    const OpContext ctx = ctx_.with_deadline(options_.timeout);
    if (options_.pump_input == PumpOptions::PumpInput::kYes && input_.empty()) command_.close_input();
    for (;;) {
      COVE_TRY(ctx.check());
      const bool ended = command_.poll_end().has_value();
      if (ended && !out_open_ && !err_open_) return {};
      auto fds = descriptors(ended);
      const int wait = ended ? static_cast<int>(kQuiet.count()) : ctx.deadline.poll_timeout_ms();
      const int count = ::poll(fds.data(), fds.size(), wait);
      if (count < 0 && errno != EINTR) return Error::from_errno(errno, "poll");
      if (count == 0 && ended) return {};  // somebody else holds the streams open and is quiet
      if (count <= 0) continue;
      if (fds[0].revents != 0) feed();
      if (fds[1].revents != 0) COVE_TRY(drain(OutputStream::kOut, command_.output(), out_open_));
      if (fds[2].revents != 0) COVE_TRY(drain(OutputStream::kErr, command_.error(), err_open_));
    }
  }

  std::array<pollfd, 5> descriptors(bool ended) const {
    const bool feeding = options_.pump_input == PumpOptions::PumpInput::kYes && !command_.has_terminal();
    return {{{feeding && !ended ? command_.input() : -1, POLLOUT, 0},
             {out_open_ ? command_.output() : -1, POLLIN, 0},
             {err_open_ ? command_.error() : -1, POLLIN, 0},
             {ended ? -1 : command_.pidfd(), POLLIN, 0},
             {ctx_.cancel.fd(), POLLIN, 0}}};
  }

  void feed() {
    const ssize_t count = ::write(command_.input(), input_.data(), input_.size());
    if (count > 0) input_.remove_prefix(static_cast<std::size_t>(count));
    const bool gone = count < 0 && errno != EINTR && errno != EAGAIN;
    if (gone || input_.empty()) command_.close_input();
  }

  Result<void> drain(OutputStream stream, int fd, bool& open) {
    if (!chunk_) chunk_ = std::make_unique_for_overwrite<char[]>(kChunkBytes);
    const ssize_t count = ::read(fd, chunk_.get(), kChunkBytes);
    if (count > 0) {
      const auto bytes = static_cast<std::size_t>(count);
      if (bytes == kChunkBytes && !command_.has_terminal()) grow_pipe(stream, fd);
      std::size_t& leftover = stream == OutputStream::kOut ? out_leftover_ : err_leftover_;
      if (command_.poll_end()) leftover += bytes;
      if (leftover > kLeftoverBytes) open = false;
      return sink_.on_output(stream, {chunk_.get(), bytes});
    }
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    open = false;  // the end; a terminal says EIO when its last user is gone
    return {};
  }

  void grow_pipe(OutputStream stream, int fd) {
    bool& grown = stream == OutputStream::kOut ? out_grown_ : err_grown_;
    if (!grown) ::fcntl(fd, F_SETPIPE_SZ, kBusyPipeBytes);
    grown = true;
  }

  // Ends what still runs, in whatever session: politely, then not. Its output is read to nowhere meanwhile,
  // so that it can end.
  void end_group() {
    Strays strays;
    if (!command_.poll_end()) {
      strays = command_.strays();
      command_.signal(SIGTERM);
      command_.signal(SIGCONT);
      strays.signal(SIGTERM);
      discard_until_end(Deadline::after(kGrace));
    }
    if (command_.poll_end()) return;
    command_.strays().signal(SIGKILL);
    strays.signal(SIGKILL);
    command_.kill_group();
    discard_until_end(Deadline::never());
  }

  void discard_until_end(Deadline deadline) {
    if (!chunk_) chunk_ = std::make_unique_for_overwrite<char[]>(kChunkBytes);
    while (!command_.poll_end() && !deadline.expired()) {
      pollfd fds[3] = {{out_open_ ? command_.output() : -1, POLLIN, 0},
                       {err_open_ ? command_.error() : -1, POLLIN, 0},
                       {command_.pidfd(), POLLIN, 0}};
      if (::poll(fds, 3, deadline.poll_timeout_ms()) <= 0) continue;
      if (fds[0].revents != 0) out_open_ = discard(command_.output());
      if (fds[1].revents != 0) err_open_ = discard(command_.error());
    }
  }

  bool discard(int fd) {
    const ssize_t count = ::read(fd, chunk_.get(), kChunkBytes);
    return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
  }

  const OpContext& ctx_;
  Command& command_;
  const PumpOptions& options_;
  std::string_view input_;
  OutputSink& sink_;
  bool out_open_ = true;
  bool err_open_ = !command_.has_terminal();
  bool out_grown_ = false;
  bool err_grown_ = false;
  std::size_t out_leftover_ = 0;
  std::size_t err_leftover_ = 0;
  CommandEnd::Reason reason_ = CommandEnd::Reason::kEnded;
  std::unique_ptr<char[]> chunk_;
};

}  // namespace

Result<CommandEnd> pump(const OpContext& ctx, Command& command, const PumpOptions& options,
                        OutputSink& sink) {
  return Pump(ctx, command, options, sink).run();
}

}  // namespace cove::agentd
