#include "agentd/command.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "base/io.h"
#include "base/strings.h"

#if defined(__SANITIZE_THREAD__)
// The C library's own name of clone(). TSan's wrapper of the usual name takes the child for a fork, and, in
// the memory that ours shares, switches off the parent thread's happens-before for good: false races follow.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);
#define COVE_CLONE ::__clone
#else
#define COVE_CLONE ::clone
#endif

namespace cove::agentd {
namespace {

enum class Stage : std::uint8_t { kNone, kStreams, kIdentity, kDirectory, kExec };

// Everything the child needs, laid out before it exists. The child borrows our memory while we wait
// (CLONE_VM | CLONE_VFORK: no page tables are copied), so it only makes system calls, and answers in here.
struct ChildPlan {
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<char*> candidates;
  const char* directory = nullptr;
  int streams[3] = {-1, -1, -1};
  bool terminal = false;
  bool change_identity = false;
  uid_t uid = 0;
  gid_t gid = 0;
  const gid_t* groups = nullptr;
  std::size_t group_count = 0;
  // What went wrong.
  Stage stage = Stage::kNone;
  int error = 0;
};

#define COVE_CHILD_CODE __attribute__((no_sanitize("address", "thread", "undefined")))

// System calls only, and those by number: the C library's would ask every thread of the borrowed memory to
// follow (setuid) or be seen by the sanitizers, which would note the child's descriptors and handlers as the
// agent's own.
template <typename... Arguments>
COVE_CHILD_CODE long system_call(long number, Arguments... arguments) {
  return ::syscall(number, arguments...);
}

COVE_CHILD_CODE int give_up(ChildPlan& plan, Stage stage) {
  plan.stage = stage;
  plan.error = errno;
  while (true) system_call(SYS_exit_group, 127);
}

COVE_CHILD_CODE void reset_signals() {
  constexpr std::size_t kMaskBytes = 8;  // the kernel's sigset_t
  static constexpr std::uint64_t kDefault[8] =
      {};  // the kernel's sigaction: SIG_DFL, no flags, an empty mask
  for (int number = 1; number < NSIG; ++number) {
    system_call(SYS_rt_sigaction, number, kDefault, nullptr, kMaskBytes);
  }
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, kDefault, nullptr, kMaskBytes);
}

// The agent is spared by the kernel's out-of-memory killer; commands are not.
COVE_CHILD_CODE void reset_limits() {
  const long fd = system_call(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    system_call(SYS_write, fd, "0", std::size_t{1});
    system_call(SYS_close, fd);
  }
  system_call(SYS_umask, 022);
}

COVE_CHILD_CODE bool place_streams(const ChildPlan& plan) {
  // The sources are above 2: start() made sure, so that no dup overwrites one.
  for (int fd = 0; fd < 3; ++fd) {
    if (system_call(SYS_dup3, plan.streams[fd], fd, 0) < 0) return false;
  }
  return !plan.terminal || system_call(SYS_ioctl, 0, TIOCSCTTY, 0) == 0;
}

COVE_CHILD_CODE bool become(const ChildPlan& plan) {
  return system_call(SYS_setgroups, plan.group_count, plan.groups) == 0 &&
         system_call(SYS_setresgid, plan.gid, plan.gid, plan.gid) == 0 &&
         system_call(SYS_setresuid, plan.uid, plan.uid, plan.uid) == 0;
}

COVE_CHILD_CODE int child_main(void* argument) {
  ChildPlan& plan = *static_cast<ChildPlan*>(argument);
  system_call(SYS_setsid);
  reset_signals();
  if (!place_streams(plan)) give_up(plan, Stage::kStreams);
  system_call(SYS_close_range, 3U, UINT_MAX, 0U);
  reset_limits();
  if (plan.change_identity && !become(plan)) give_up(plan, Stage::kIdentity);
  if (system_call(SYS_chdir, plan.directory) < 0) give_up(plan, Stage::kDirectory);
  int error = ENOENT;
  for (char* const candidate : plan.candidates) {
    system_call(SYS_execve, candidate, plan.argv.data(), plan.envp.data());
    // As execvp: a file that may not be run is remembered, the search goes on.
    if (errno == EACCES) {
      error = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      error = errno;
      break;
    }
  }
  errno = error;
  return give_up(plan, Stage::kExec);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
  return list;
}

// The child's own stack, with a page below it that faults.
class ChildStack {
 public:
  ChildStack() : base_(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  ~ChildStack() {
    if (valid()) ::munmap(base_, kBytes);
  }
  bool valid() const { return base_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(base_) + kBytes; }

 private:
  static constexpr std::size_t kBytes = std::size_t{64} << 10U;
  void* base_;
};

// {child's end, our end}; the child's is above 2 even if the agent runs without standard streams.
struct Ends {
  UniqueFd child;
  UniqueFd ours;
};

Result<UniqueFd> above_standard(UniqueFd fd) {
  if (fd.get() > 2) return fd;
  UniqueFd higher(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!higher) return Error::from_errno(errno, "dup");
  return higher;
}

enum class Direction : std::uint8_t { kToChild, kFromChild };

Result<Ends> make_stream(Direction direction) {
  auto [read_end, write_end] = COVE_TRY(make_pipe());
  Ends ends = direction == Direction::kToChild ? Ends{std::move(read_end), std::move(write_end)}
                                               : Ends{std::move(write_end), std::move(read_end)};
  ends.child = COVE_TRY(above_standard(std::move(ends.child)));
  COVE_TRY(set_nonblocking(ends.ours.get()));
  return ends;
}

Result<Ends> make_terminal(WindowSize size, uid_t owner) {
  Ends ends;
  ends.ours.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.ours || ::unlockpt(ends.ours.get()) < 0) return Error::from_errno(errno, "opening a terminal");
  ends.child.reset(::ioctl(ends.ours.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.child) return Error::from_errno(errno, "opening a terminal");
  ends.child = COVE_TRY(above_standard(std::move(ends.child)));
  COVE_TRY(set_nonblocking(ends.ours.get()));
  const winsize window{size.rows, size.columns, 0, 0};
  ::ioctl(ends.ours.get(), TIOCSWINSZ, &window);
  if (::geteuid() == 0) [[maybe_unused]]
    const auto owned = ::fchown(ends.child.get(), owner, static_cast<gid_t>(-1));
  return ends;
}

// As shells tell them apart: kNotFound, there is no such command; kPermissionDenied, it cannot be run. No
// other failure to start has these codes.
Error exec_error(const std::string& command, int error) {
  const std::string name = shell_quote(command);
  if (error == ENOENT && command.find('/') == std::string::npos) {
    return Error(Code::kNotFound, name + ": command not found");
  }
  if (error == ENOENT && ::access(command.c_str(), F_OK) == 0) {
    return Error(Code::kNotFound, name + ": the interpreter it names is not there");
  }
  if (error == ENOENT || error == ENOTDIR) {
    return Error(Code::kNotFound, name + ": " + std::strerror(error));
  }
  struct stat info {};
  if (::stat(command.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) error = EISDIR;
  const std::string why =
      error == ENOEXEC ? std::string("not a program this guest can run") : std::strerror(error);
  return Error(Code::kPermissionDenied, name + ": cannot be run: " + why);
}

Error start_error(const CommandSpec& spec, const ChildPlan& plan) {
  switch (plan.stage) {
    case Stage::kDirectory:
      return Error(Code::kFailedPrecondition, "working directory " + shell_quote(spec.working_directory) +
                                                  ": " + std::strerror(plan.error));
    case Stage::kIdentity:
      return Error(Code::kFailedPrecondition,
                   "becoming " + spec.identity.account.name + ": " + std::strerror(plan.error));
    case Stage::kExec:
      return exec_error(spec.args[0], plan.error);
    case Stage::kNone:
    case Stage::kStreams:
      break;
  }
  return Error::from_errno(plan.error, "starting " + shell_quote(spec.args[0]));
}

struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;
};

Result<Child> clone_child(const CommandSpec& spec, ChildPlan& plan) {
  const ChildStack stack;
  if (!stack.valid()) return Error::from_errno(errno, "mmap");
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours may run on the borrowed memory
  int pidfd = -1;
  const int pid =
      COVE_CLONE(child_main, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
  const int clone_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::from_errno(clone_error, "starting a process");
  Child child{pid, UniqueFd(pidfd)};
  if (plan.stage == Stage::kNone) return child;
  int ignored = 0;
  while (::waitpid(pid, &ignored, 0) < 0 && errno == EINTR) {
  }
  return start_error(spec, plan);
}

}  // namespace

Result<Command> Command::start(const CommandSpec& spec) {
  if (spec.args.empty() || spec.args[0].empty()) return Error(Code::kInvalidArgument, "args required");
  for (const auto& word : spec.args) {
    if (word.find('\0') != std::string::npos)
      return Error(Code::kInvalidArgument, "an argument holds a NUL byte");
  }
  Command command;
  Ends ends[3];
  UniqueFd null;
  ChildPlan plan;
  if (spec.terminal) {
    ends[0] = COVE_TRY(make_terminal(*spec.terminal, spec.identity.account.uid));
    command.terminal_ = true;
    command.output_ = std::move(ends[0].ours);
    for (int& stream : plan.streams) stream = ends[0].child.get();
  } else {
    if (spec.input == CommandSpec::Input::kPipe) {
      ends[0] = COVE_TRY(make_stream(Direction::kToChild));
    } else {
      null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
      if (!null) return Error::from_errno(errno, "/dev/null");
      ends[0].child = COVE_TRY(above_standard(std::move(null)));
    }
    ends[1] = COVE_TRY(make_stream(Direction::kFromChild));
    ends[2] = COVE_TRY(make_stream(Direction::kFromChild));
    command.input_ = std::move(ends[0].ours);
    command.output_ = std::move(ends[1].ours);
    command.error_ = std::move(ends[2].ours);
    for (std::size_t i = 0; i < 3; ++i) plan.streams[i] = ends[i].child.get();
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);
  const auto path = spec.environment.find("PATH");
  const auto candidates =
      command_candidates(spec.args[0], path == spec.environment.end() ? std::string_view() : path->second);
  plan.argv = pointers(spec.args);
  plan.argv.push_back(nullptr);
  plan.envp = pointers(environment);
  plan.envp.push_back(nullptr);
  plan.candidates = pointers(candidates);
  plan.directory = spec.working_directory.c_str();
  plan.terminal = command.terminal_;
  const auto& account = spec.identity.account;
  plan.change_identity = ::geteuid() == 0 || account.uid != ::geteuid();
  plan.uid = account.uid;
  plan.gid = account.gid;
  plan.groups = spec.identity.groups.data();
  plan.group_count = spec.identity.groups.size();
  Child child = COVE_TRY(clone_child(spec, plan));
  command.pid_ = child.pid;
  command.pidfd_ = std::move(child.pidfd);
  return command;
}

Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      terminal_(other.terminal_),
      end_(other.end_),
      pidfd_(std::move(other.pidfd_)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      error_(std::move(other.error_)) {}

Command::~Command() {
  if (pid_ < 0) return;
  if (!end_) kill_group();
  int ignored = 0;
  while (::waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
  }
}

// Looks without reaping: until the destructor the number stays taken, so that signal() never hits a stranger.
std::optional<ExitStatus> Command::poll_end() {
  if (end_ || pid_ < 0) return end_;
  siginfo_t info = {};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != pid_)
    return std::nullopt;
  end_ = info.si_code == CLD_EXITED ? ExitStatus{info.si_status, 0} : ExitStatus{0, info.si_status};
  return end_;
}

void Command::signal(int number) const {
  pid_t group = pid_;
  if (terminal_) {
    pid_t foreground = 0;
    if (::ioctl(output_.get(), TIOCGPGRP, &foreground) == 0 && foreground > 0) group = foreground;
  }
  if (group > 0) ::kill(-group, number);
}

Strays Command::strays() const {
  Strays found;
  if (pid_ > 0) found.gather(pid_);
  return found;
}

void Command::kill_group() const {
  if (pid_ > 0) ::kill(-pid_, SIGKILL);
}

void Command::resize(WindowSize size) const {
  const winsize window{size.rows, size.columns, 0, 0};
  ::ioctl(output_.get(), TIOCSWINSZ, &window);
}

}  // namespace cove::agentd
