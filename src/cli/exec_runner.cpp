#include "cli/exec_runner.h"

#include <poll.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <deque>

#include "base/io.h"
#include "base/thread.h"
#include "cli/terminal.h"

namespace cove {
namespace {

constexpr std::size_t kStreamChunk = std::size_t{64} << 10U;
constexpr std::size_t kInsistence = 3;
constexpr auto kInsistenceSpan = std::chrono::seconds(3);
// A guest that does not answer for so long does not hear a signal either.
constexpr auto kSignalPatience = std::chrono::seconds(10);

class Sink final : public ExecSink {
 public:
  explicit Sink(const ExecRunOptions& options) : options_(options) {}
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    auto written = write_all({}, stream == ExecStream::kStdout ? options_.out : options_.err, bytes);
    if (!written.ok()) reader_gone_ = written.error().error_number() == EPIPE;
    return std::move(written).context("writing the command's output");
  }

  bool reader_gone() const { return reader_gone_; }

 private:
  const ExecRunOptions& options_;
  bool reader_gone_ = false;
};

// This process's standard input, on a thread of its own.
class Feeder {
 public:
  Feeder(ExecSession& session, int in, CancelToken over)
      : session_(session), ctx_{std::move(over), {}}, in_(in) {}

  void run() {
    for (;;) {
      const auto count = read_some(ctx_, in_, buffer_);
      if (ctx_.cancel.cancelled()) return;
      if (!count.ok() || *count == 0) break;
      if (!session_.write_stdin(ctx_, {buffer_.data(), *count}).ok()) break;
    }
    // Fails only if the command has ended: nothing to close then.
    static_cast<void>(session_.close_stdin(ctx_));
  }

 private:
  ExecSession& session_;
  OpContext ctx_;
  int in_;
  std::array<char, kStreamChunk> buffer_{};
};

bool asks_for_the_end(int number) {
  return number == SIGINT || number == SIGTERM || number == SIGQUIT || number == SIGHUP;
}

// Signals and window sizes, on a thread of its own.
class SignalRelay {
 public:
  SignalRelay(ExecSession& session, const ExecRunOptions& options, CancelToken over, const CancelSource& kill)
      : session_(session), options_(options), over_(std::move(over)), kill_(kill) {}

  void run() {
    bool interrupted = false;
    while (!over_.cancelled()) {
      std::array<pollfd, 3> wanted{{{over_.fd(), POLLIN, 0},
                                    {options_.signals == nullptr ? -1 : options_.signals->fd(), POLLIN, 0},
                                    {interrupted ? -1 : options_.interrupted.fd(), POLLIN, 0}}};
      const int ready = ::poll(wanted.data(), wanted.size(), patience_.poll_timeout_ms());
      if (ready < 0 && errno != EINTR) return;
      if (patience_.expired()) return end_by_force();
      if (ready <= 0) continue;
      if (options_.signals != nullptr && wanted[1].revents != 0 && !take_signals()) return end_by_force();
      if (wanted[2].revents == 0) continue;
      interrupted = true;
      patience_ = Deadline::after(options_.grace);
      if (!pass_on(SIGINT)) return end_by_force();
    }
  }

  // The signal for which the command was ended by force, 0 if it was not.
  int ended_for() const { return ended_for_.load(); }

 private:
  // False: enough.
  bool take_signals() {
    while (const auto number = options_.signals->next()) {
      if (*number == SIGWINCH) {
        send_size();
      } else if (!pass_on(*number)) {
        return false;
      }
    }
    return true;
  }

  bool pass_on(int number) {
    const bool end_wanted = asks_for_the_end(number);
    if (end_wanted) {
      last_ = number;
      if (insisted()) return false;
      // A terminal that is gone cannot ask again.
      if (number == SIGHUP && options_.terminal >= 0) patience_ = Deadline::after(options_.grace);
    }
    const auto sent = session_.signal(OpContext{over_, {}}.with_timeout(kSignalPatience), number);
    return sent.ok() || !end_wanted || sent.error().code() != Code::kDeadlineExceeded;
  }

  bool insisted() {
    const auto now = Deadline::Clock::now();
    asked_.push_back(now);
    while (now - asked_.front() > kInsistenceSpan) asked_.pop_front();
    return asked_.size() >= kInsistence;
  }

  void send_size() {
    const auto size = window_size(options_.terminal);
    static_cast<void>(session_.resize(OpContext{over_, {}}.with_timeout(kSignalPatience),
                                      {.rows = size.rows, .columns = size.columns}));
  }

  void end_by_force() {
    ended_for_.store(last_);
    kill_.cancel();
  }

  ExecSession& session_;
  const ExecRunOptions& options_;
  CancelToken over_;
  const CancelSource& kill_;
  Deadline patience_;
  int last_ = SIGINT;
  std::deque<Deadline::Clock::time_point> asked_;
  std::atomic<int> ended_for_{0};
};

}  // namespace

Result<ExecEnd> run_exec_session(Deadline deadline, const CancelSource& kill, ExecSession& session,
                                 const ExecRunOptions& options) {
  const CancelSource over;
  Feeder feeder(session, options.in, over.token());
  SignalRelay relay(session, options, over.token(), kill);
  Thread input;
  if (options.in >= 0) input = Thread("exec-input", [&] { feeder.run(); });
  Thread signals("exec-signals", [&] { relay.run(); });
  Sink sink(options);
  auto end = session.wait({kill.token(), deadline}, sink);
  over.cancel();
  input.join();
  signals.join();
  if (!end.ok() && sink.reader_gone()) return ExecEnd{.status = {0, SIGPIPE}};
  if (!end.ok() && end.error().code() == Code::kCancelled && relay.ended_for() != 0)
    return ExecEnd{.status = {0, relay.ended_for()}};
  return end;
}

int exec_exit_status(const ExecEnd& end) {
  return end.reason == ExecEnd::Reason::kTimeout ? kTimedOut : end.status.shell_status();
}

}  // namespace cove
