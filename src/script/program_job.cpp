#include "script/program_job.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/io.h"
#include "base/strays.h"
#include "base/strings.h"
#include "script/call.h"
#include "script/os.h"

namespace cove {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{256} << 20U;

Result<void> status_result(const ExitStatus& status) {
  if (status.success()) return {};
  std::string text = "exit status " + std::to_string(status.code);
  if (status.signal != 0) text = "signal: " + to_lower(::strsignal(status.signal));
  if (status.core_dumped) text += " (core dumped)";
  return Error(Code::kUnknown, text);
}

Error start_error(const ScriptProgramOptions& options, const Error& cause) {
  if (cause.error_number() == 0) return cause;
  struct stat status {};
  if (::stat(options.directory.c_str(), &status) < 0) return system_error(errno, "chdir", options.directory);
  return system_error(cause.error_number(), "fork/exec", options.path);
}

// The life of a running program, seen from the thread that collects its output.
class Collector {
 public:
  struct Source {
    UniqueFd& fd;
    std::string& into;
  };

  Collector(const OpContext& ctx, const CancelToken& someone_waits, std::chrono::nanoseconds grace,
            Process& process, Source out, Source err)
      : context_(ctx),
        someone_waits_(someone_waits),
        grace_(grace),
        process_(process),
        out_(out),
        err_(err) {}

  Result<void> run() {
    while (!done()) {
      notice_context();
      if (exited_ && someone_waits_.cancelled() && grace_end_.is_never())
        grace_end_ = Deadline::after(grace_);
      if (grace_end_.expired()) {
        if (!interrupted_) return abandon();
        kill();
        break;
      }
      step();
    }
    // Whatever the group still holds goes with the context. The program is a zombie until wait() below, so
    // its group number cannot belong to others yet.
    if (interrupted_) kill_all();
    const ExitStatus status = COVE_TRY(process_.wait({}));
    if (too_much_) return Error(Code::kResourceExhausted, "output larger than " + format_bytes(kMaxOutput));
    COVE_TRY(status_result(status));
    return interrupted_ ? check_script_context(context_) : Result<void>();
  }

 private:
  bool done() const { return exited_ && !out_.fd && !err_.fd; }

  void notice_context() {
    if (interrupted_ || context_.check().ok()) return;
    interrupted_ = true;
    strays_.gather(process_.pid());
    process_.signal_group(SIGINT);
    strays_.signal(SIGINT);
    grace_end_ = Deadline::after(grace_);
  }

  void kill_all() {
    strays_.gather(process_.pid());
    process_.signal_group(SIGKILL);
    strays_.signal(SIGKILL);
  }

  void kill() {
    kill_all();
    static_cast<void>(wait_ready({}, process_.pidfd(), Ready::kRead).ok());
    drain_rest(out_);
    drain_rest(err_);
  }

  // The program ended, but others hold its pipes open.
  Result<void> abandon() {
    const ExitStatus status = COVE_TRY(process_.wait({}));
    COVE_TRY(status_result(status));
    return Error(Code::kUnknown, "exec: WaitDelay expired before I/O complete");
  }

  void step() {
    pollfd fds[5] = {{out_.fd.get(), POLLIN, 0},
                     {err_.fd.get(), POLLIN, 0},
                     {exited_ ? -1 : process_.pidfd(), POLLIN, 0},
                     {interrupted_ ? -1 : context_.cancel.fd(), POLLIN, 0},
                     {someone_waits_.cancelled() ? -1 : someone_waits_.fd(), POLLIN, 0}};
    const Deadline until = interrupted_ ? grace_end_ : Deadline::earlier(grace_end_, context_.deadline);
    if (::poll(fds, 5, until.poll_timeout_ms()) < 0) return;  // EINTR: the conditions are looked at again
    if (fds[0].revents != 0) drain(out_);
    if (fds[1].revents != 0) drain(err_);
    if (fds[2].revents != 0) exited_ = true;
  }

  // One read, so that a program that never stops writing cannot keep the context from being noticed. Whether
  // there may be more at once.
  bool drain(Source& source) {
    if (!source.fd) return false;
    char chunk[65536];
    const ssize_t count = ::read(source.fd.get(), chunk, sizeof chunk);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return errno == EINTR;
    if (count <= 0) {
      source.fd.reset();
      return false;
    }
    source.into.append(chunk, static_cast<std::size_t>(count));
    if (source.into.size() <= kMaxOutput) return true;
    too_much_ = true;
    process_.signal_group(SIGKILL);
    source.fd.reset();
    return false;
  }

  // What a pipe holds at most is a mebibyte; more can only come from someone who outlived the group.
  void drain_rest(Source& source) {
    for (int i = 0; i < 16 && drain(source); ++i) {
    }
  }

  OpContext context_;
  CancelToken someone_waits_;
  std::chrono::nanoseconds grace_;
  Process& process_;
  Source out_;
  Source err_;
  Strays strays_;
  Deadline grace_end_;
  bool exited_ = false;
  bool interrupted_ = false;
  bool too_much_ = false;
};

}  // namespace

Result<std::unique_ptr<ScriptProgram>> ScriptProgram::start(const OpContext& ctx,
                                                            ScriptProgramOptions options) {
  auto [out_read, out_write] = COVE_TRY(make_pipe());
  auto [err_read, err_write] = COVE_TRY(make_pipe());
  COVE_TRY(set_nonblocking(out_read.get()));
  COVE_TRY(set_nonblocking(err_read.get()));
  SpawnOptions spawn;
  spawn.argv = std::move(options.argv);
  spawn.program = options.path;
  spawn.environment = std::move(options.environment);
  spawn.working_directory = options.directory;
  spawn.descriptors = {{1, out_write.get()}, {2, err_write.get()}};
  spawn.session = SpawnOptions::Session::kNewGroup;
  spawn.parent_death_signal = SIGKILL;
  for (;;) {
    auto process = Process::spawn(spawn);
    if (process.ok()) {
      return std::unique_ptr<ScriptProgram>(new ScriptProgram(ctx, options.grace, std::move(process).value(),
                                                              std::move(out_read), std::move(err_read)));
    }
    if (process.error().error_number() != ETXTBSY) return start_error(options, process.error());
    // Some other thread's child still holds the file open for writing; it closes with that child's exec.
    static_cast<void>(SystemClock().sleep(ctx, std::chrono::milliseconds(1)).ok());
    COVE_TRY(check_script_context(ctx));
  }
}

ScriptProgram::ScriptProgram(const OpContext& ctx, std::chrono::nanoseconds grace, Process process,
                             UniqueFd out, UniqueFd err)
    : abandon_(CancelSource::child_of(ctx.cancel)),
      context_{abandon_.token(), ctx.deadline},
      grace_(grace),
      process_(std::move(process)),
      out_(std::move(out)),
      err_(std::move(err)),
      collector_("script-exec", [this] { collect(); }) {}

void ScriptProgram::collect() {
  Collector collector(context_, someone_waits_.token(), grace_, process_, {out_, output_.out},
                      {err_, output_.err});
  output_.status = collector.run();
}

ScriptProgram::~ScriptProgram() {
  abandon_.cancel();
  collector_.join();
}

ScriptOutput ScriptProgram::wait() {
  someone_waits_.cancel();
  collector_.join();
  return std::move(output_);
}

}  // namespace cove
