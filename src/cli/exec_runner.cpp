#include "cli/exec_runner.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>

#include "base/io.h"
#include "base/thread.h"
#include "cli/terminal.h"

namespace cove {
namespace {

constexpr std::size_t kStreamChunk = std::size_t{64} << 10U;

class Sink final : public ExecSink {
 public:
  explicit Sink(const ExecRunOptions& options) : options_(options) {}
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    return write_all({}, stream == ExecStream::kStdout ? options_.out : options_.err, bytes)
        .context("writing the command's output");
  }

 private:
  const ExecRunOptions& options_;
};

// Window changes as a descriptor. SIGWINCH is ignored by default, so blocking it here harms nobody;
// base/thread blocks it in the threads made meanwhile.
class WindowWatch {
 public:
  explicit WindowWatch(int terminal) {
    if (terminal < 0) return;
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGWINCH);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  int fd() const { return fd_.get(); }
  void drain() const {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) > 0) continue;
  }

 private:
  UniqueFd fd_;
};

// Everything towards the guest, on a thread of its own.
class Feeder {
 public:
  Feeder(ExecSession& session, const ExecRunOptions& options, CancelToken over, const CancelSource& kill)
      : session_(session),
        options_(options),
        over_(std::move(over)),
        kill_(kill),
        window_(options.terminal),
        in_(options.in) {}

  void run() {
    const OpContext ctx{over_, {}};
    Deadline patience;
    bool interrupted = false;
    for (;;) {
      std::array<pollfd, 4> wanted{{{over_.fd(), POLLIN, 0},
                                    {in_, POLLIN, 0},
                                    {window_.fd(), POLLIN, 0},
                                    {interrupted ? -1 : options_.interrupted.fd(), POLLIN, 0}}};
      const int ready = ::poll(wanted.data(), wanted.size(), patience.poll_timeout_ms());
      if ((ready < 0 && errno != EINTR) || over_.cancelled()) return;
      if (interrupted && patience.expired()) return kill_.cancel();
      if (ready <= 0) continue;
      if (wanted[3].revents != 0) {
        interrupted = true;
        patience = Deadline::after(options_.grace);
        if (!session_.signal(ctx, SIGINT).ok()) return;
      }
      if (wanted[2].revents != 0 && !send_size(ctx)) return;
      if (wanted[1].revents != 0 && !send_input(ctx)) in_ = -1;
    }
  }

 private:
  bool send_size(const OpContext& ctx) {
    window_.drain();
    const auto size = window_size(options_.terminal);
    return session_.resize(ctx, {.rows = size.rows, .columns = size.columns}).ok();
  }
  bool send_input(const OpContext& ctx) {
    const auto count = read_some(ctx, in_, buffer_);
    if (count.ok() && *count > 0) return session_.write_stdin(ctx, {buffer_.data(), *count}).ok();
    static_cast<void>(
        session_.close_stdin(ctx));  // fails only if the command has ended: nothing to close then
    return false;
  }

  ExecSession& session_;
  const ExecRunOptions& options_;
  CancelToken over_;
  const CancelSource& kill_;
  WindowWatch window_;
  int in_;
  std::array<char, kStreamChunk> buffer_{};
};

}  // namespace

Result<ExecEnd> run_exec_session(Deadline deadline, const CancelSource& kill, ExecSession& session,
                                 const ExecRunOptions& options) {
  const CancelSource over;
  Feeder feeder(session, options, over.token(), kill);
  Thread thread("exec-input", [&] { feeder.run(); });
  Sink sink(options);
  auto end = session.wait({kill.token(), deadline}, sink);
  over.cancel();
  thread.join();
  return end;
}

int exec_exit_status(const ExecEnd& end) {
  return end.reason == ExecEnd::Reason::kTimeout ? kTimedOut : end.status.shell_status();
}

}  // namespace cove
