#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/hole_filter.h"
#include "base/io.h"

namespace cove {

std::string ExitStatus::describe() const {
  if (signal != 0) {
    return "killed by signal " + std::to_string(signal) + " (" + std::string(::strsignal(signal)) + ")";
  }
  return "exit status " + std::to_string(code);
}

namespace {

// Everything the child needs, made before fork: after it only async-signal-safe calls happen.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> envp;
  const SpawnOptions& options;
  int report_fd;  // errno goes here when exec fails
  pid_t parent;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

// Moves the wanted descriptors into place. Sources are first moved above every target so that none is
// overwritten. `scratch` has one slot per descriptor and was allocated before fork.
bool place_descriptors(const SpawnOptions& options, int* scratch, int first_free) {
  for (std::size_t i = 0; i < options.descriptors.size(); ++i) {
    scratch[i] = ::fcntl(options.descriptors[i].fd, F_DUPFD_CLOEXEC, first_free);
    if (scratch[i] < 0) return false;
  }
  bool standard[3] = {false, false, false};
  for (std::size_t i = 0; i < options.descriptors.size(); ++i) {
    const int target = options.descriptors[i].child_fd;
    if (::dup2(scratch[i], target) < 0) return false;
    if (target < 3) standard[target] = true;
  }
  for (int fd = 0; fd < 3; ++fd) {
    if (standard[fd]) continue;
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || ::dup2(null, fd) < 0) return false;
  }
  return true;
}

constexpr unsigned kCloseRangeCloexec = 4;  // linux/close_range.h

[[noreturn]] void fail_child(int report_fd) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report_fd, &error, sizeof error);
  ::_exit(127);
}

[[noreturn]] void run_child(const ChildPlan& plan, int* scratch, int first_free) {
  const SpawnOptions& options = plan.options;
  if (options.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, options.parent_death_signal);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  if (options.session == SpawnOptions::Session::kNewGroup) ::setpgid(0, 0);
  if (options.session == SpawnOptions::Session::kNewSession) ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  // Whatever our own caller leaked to us stops here; what is placed below comes without the mark.
  ::syscall(SYS_close_range, 3U, ~0U, kCloseRangeCloexec);
  const int report = ::fcntl(plan.report_fd, F_DUPFD_CLOEXEC, first_free);
  if (report < 0 || !place_descriptors(options, scratch, first_free)) fail_child(report);
  if (!options.working_directory.empty() && ::chdir(options.working_directory.c_str()) < 0)
    fail_child(report);
  if (options.holes == SpawnOptions::Holes::kNoSmallOnes && !refuse_small_holes()) fail_child(report);
  if (options.program.empty()) {
    ::execvpe(plan.argv[0], plan.argv.data(), plan.envp.data());
  } else {
    ::execve(options.program.c_str(), plan.argv.data(), plan.envp.data());
  }
  fail_child(report);
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status), WCOREDUMP(status) != 0};
  return {WEXITSTATUS(status), 0, false};
}

}  // namespace

Result<Process> Process::spawn(const SpawnOptions& options) {
  COVE_CHECK(!options.argv.empty());
  std::vector<std::string> environment;
  if (options.environment) {
    environment = *options.environment;
  } else {
    for (char** entry = ::environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  }
  auto [report_read, report_write] = COVE_TRY(make_pipe());
  std::vector<int> scratch(options.descriptors.size() + 1);
  int first_free = 3;
  for (const auto& descriptor : options.descriptors)
    first_free = std::max(first_free, descriptor.child_fd + 1);
  const ChildPlan plan{pointers(options.argv), pointers(environment), options, report_write.get(),
                       ::getpid()};

  // Signals stay blocked over the fork so that no handler of ours runs in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) run_child(plan, scratch.data(), first_free);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::from_errno(fork_error, "fork");

  Process process;
  process.pid_ = pid;
  process.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  report_write.reset();
  int child_error = 0;
  ssize_t count = 0;
  do count = ::read(report_read.get(), &child_error, sizeof child_error);
  while (count < 0 && errno == EINTR);
  if (count == sizeof child_error) {
    int ignored = 0;
    ::waitpid(pid, &ignored, 0);
    process.pid_ = -1;
    return Error::from_errno(child_error, "running " + options.argv[0]);
  }
  if (!process.pidfd_) return Error::from_errno(errno, "pidfd_open");
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(status_, other.status_);
  return *this;
}

Process::~Process() {
  if (pid_ < 0 || status_) return;
  ::kill(pid_, SIGKILL);
  int ignored = 0;
  while (::waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
  }
}

std::optional<ExitStatus> Process::try_wait() {
  if (status_ || pid_ < 0) return status_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) status_ = decode(status);
  return status_;
}

Result<ExitStatus> Process::wait(const OpContext& ctx) {
  for (;;) {
    if (const auto status = try_wait()) return *status;
    COVE_TRY(wait_ready(ctx, pidfd_.get(), Ready::kRead));
  }
}

void Process::signal(int number) {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

void Process::signal_group(int number) {
  if (pid_ > 0) ::kill(-pid_, number);
}

void Process::detach() { pid_ = -1; }

namespace {

struct Pump {
  UniqueFd in;
  UniqueFd out;
  UniqueFd err;
  std::string_view input;
  CommandOutput result;
};

// Reads what is there; closes the descriptor at its end.
Result<void> drain(UniqueFd& fd, std::string& into) {
  char chunk[65536];
  const ssize_t count = ::read(fd.get(), chunk, sizeof chunk);
  if (count > 0) {
    into.append(chunk, static_cast<std::size_t>(count));
  } else if (count == 0) {
    fd.reset();
  } else if (errno != EINTR && errno != EAGAIN) {
    return Error::from_errno(errno, "reading output");
  }
  return {};
}

void feed(Pump& pump) {
  const ssize_t count = pump.input.empty() ? 0 : ::write(pump.in.get(), pump.input.data(), pump.input.size());
  if (count > 0) pump.input.remove_prefix(static_cast<std::size_t>(count));
  const bool gone = count < 0 && errno != EINTR && errno != EAGAIN;
  if (gone || pump.input.empty()) pump.in.reset();
}

Result<void> pump_all(const OpContext& ctx, Pump& pump, std::size_t max_bytes) {
  while (pump.in || pump.out || pump.err) {
    COVE_TRY(ctx.check());
    pollfd fds[4] = {{pump.in.get(), POLLOUT, 0},
                     {pump.out.get(), POLLIN, 0},
                     {pump.err.get(), POLLIN, 0},
                     {ctx.cancel.fd(), POLLIN, 0}};
    if (::poll(fds, 4, ctx.deadline.poll_timeout_ms()) < 0 && errno != EINTR) {
      return Error::from_errno(errno, "poll");
    }
    if (fds[0].revents != 0) feed(pump);
    if (fds[1].revents != 0) COVE_TRY(drain(pump.out, pump.result.out));
    if (fds[2].revents != 0) COVE_TRY(drain(pump.err, pump.result.err));
    if (pump.result.out.size() + pump.result.err.size() > max_bytes) {
      return Error(Code::kResourceExhausted, "more than " + std::to_string(max_bytes) + " bytes of output");
    }
  }
  return {};
}

}  // namespace

Result<CommandOutput> run_command(const OpContext& ctx, SpawnOptions options, std::string_view input,
                                  std::size_t max_bytes) {
  auto [in_read, in_write] = COVE_TRY(make_pipe());
  auto [out_read, out_write] = COVE_TRY(make_pipe());
  auto [err_read, err_write] = COVE_TRY(make_pipe());
  options.descriptors.insert(options.descriptors.end(),
                             {{0, in_read.get()}, {1, out_write.get()}, {2, err_write.get()}});
  if (options.session == SpawnOptions::Session::kInherit) options.session = SpawnOptions::Session::kNewGroup;
  Process process = COVE_TRY(Process::spawn(options));
  in_read.reset();
  out_write.reset();
  err_write.reset();
  Pump pump{std::move(in_write), std::move(out_read), std::move(err_read), input, {}};
  COVE_TRY(set_nonblocking(pump.in.get()));
  auto pumped = pump_all(ctx, pump, max_bytes);
  auto status = pumped.ok() ? process.wait(ctx) : Result<ExitStatus>(std::move(pumped).error());
  if (!status.ok()) {
    process.signal_group(SIGKILL);
    return std::move(status).error().context("running " + options.argv[0]);
  }
  pump.result.status = *status;
  return std::move(pump.result);
}

}  // namespace cove
