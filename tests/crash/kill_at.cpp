// kill_at REPORT PROGRAM N COMMAND [ARGUMENT]...
// Runs COMMAND and follows every process it starts. In processes of the program PROGRAM (the name of its
// file) the system calls that others can see the effect of are numbered from 1: files made, written, renamed,
// removed and locked, sockets bound, connected and spoken to, processes started. The process that reaches
// number N gets SIGKILL before the call is made. REPORT then holds "killed N CALL WHAT", or "passed COUNT" if
// there were fewer. The programs under test need no hook for this. Ends as COMMAND does; exit status 125 is
// its own failure.
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace {

struct Call {
  long number = -1;
  std::uint64_t arguments[6] = {};
  std::uint64_t operator[](std::size_t i) const { return arguments[i]; }
};

// What is numbered, and how its effect is named.
enum class Rule { kPath, kSecondPath, kOpen, kWrite, kSpeak, kConnect, kLock, kFork, kFork3, kPlain };

const std::map<long, std::pair<const char*, Rule>>& rules() {
  static const std::map<long, std::pair<const char*, Rule>> kRules{
      {SYS_openat, {"openat", Rule::kOpen}},
      {SYS_mkdirat, {"mkdirat", Rule::kSecondPath}},
      {SYS_renameat, {"renameat", Rule::kSecondPath}},
      {SYS_renameat2, {"renameat2", Rule::kSecondPath}},
      {SYS_unlinkat, {"unlinkat", Rule::kSecondPath}},
      {SYS_linkat, {"linkat", Rule::kSecondPath}},
      {SYS_symlinkat, {"symlinkat", Rule::kPath}},
#ifdef SYS_open
      {SYS_mkdir, {"mkdir", Rule::kPath}},
      {SYS_rename, {"rename", Rule::kPath}},
      {SYS_unlink, {"unlink", Rule::kPath}},
      {SYS_rmdir, {"rmdir", Rule::kPath}},
      {SYS_link, {"link", Rule::kPath}},
      {SYS_symlink, {"symlink", Rule::kPath}},
      {SYS_fork, {"fork", Rule::kPlain}},
      {SYS_vfork, {"vfork", Rule::kPlain}},
#endif
      {SYS_ftruncate, {"ftruncate", Rule::kWrite}},
      {SYS_fallocate, {"fallocate", Rule::kWrite}},
      {SYS_write, {"write", Rule::kWrite}},
      {SYS_writev, {"writev", Rule::kWrite}},
      {SYS_pwrite64, {"pwrite64", Rule::kWrite}},
      {SYS_copy_file_range, {"copy_file_range", Rule::kPlain}},
      {SYS_sendto, {"sendto", Rule::kSpeak}},
      {SYS_sendmsg, {"sendmsg", Rule::kSpeak}},
      {SYS_connect, {"connect", Rule::kConnect}},
      {SYS_bind, {"bind", Rule::kPlain}},
      {SYS_fcntl, {"fcntl", Rule::kLock}},
      {SYS_clone, {"clone", Rule::kFork}},
      {SYS_clone3, {"clone3", Rule::kFork3}},
  };
  return kRules;
}

std::string link_text(const std::string& path) {
  char text[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), text, sizeof text);
  return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

std::string bytes_at(pid_t tid, std::uint64_t address, std::size_t most) {
  std::string bytes(most, '\0');
  iovec ours{bytes.data(), most};
  iovec theirs{reinterpret_cast<void*>(address), most};
  const ssize_t count = ::process_vm_readv(tid, &ours, 1, &theirs, 1, 0);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

// A page at a time, since what follows the text may not be mapped.
std::string text_at(pid_t tid, std::uint64_t address) {
  std::string text;
  while (text.size() < PATH_MAX) {
    const std::string part = bytes_at(tid, address + text.size(), 4096 - (address + text.size()) % 4096);
    text += part.substr(0, part.find('\0'));
    if (part.empty() || part.find('\0') != std::string::npos) break;
  }
  return text;
}

pid_t process_of(pid_t tid) {
  std::ifstream status("/proc/" + std::to_string(tid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Tgid:")) return std::atoi(line.c_str() + 5);
  }
  return -1;
}

class Tracer {
 public:
  Tracer(std::string report, std::string program, unsigned long at)
      : report_(std::move(report)), program_(std::move(program)), at_(at) {}

  // The status of `root` as waitpid() tells it.
  int follow(pid_t root) {
    for (;;) {
      int status = 0;
      const pid_t tid = ::waitpid(-1, &status, __WALL);
      if (tid < 0 && errno == EINTR) continue;
      if (tid < 0) return -1;
      if (WIFSTOPPED(status)) {
        stopped(tid, status);
      } else if (tid == root) {
        if (!killed_) write_report("passed " + std::to_string(count_));
        return status;
      }
    }
  }

 private:
  void stopped(pid_t tid, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) {
      if (!killed_) at_call(tid);
      return resume(tid, 0);
    }
    if (event == PTRACE_EVENT_STOP) {
      const bool group_stop = signal != SIGTRAP;
      ::ptrace(group_stop ? PTRACE_LISTEN : PTRACE_SYSCALL, tid, nullptr, nullptr);
      return;
    }
    if (event == PTRACE_EVENT_EXEC) {
      const auto program = link_text("/proc/" + std::to_string(tid) + "/exe");
      if (program.substr(program.rfind('/') + 1) == program_) victims_.insert(tid);
    }
    resume(tid, event == 0 ? signal : 0);
  }

  void resume(pid_t tid, int signal) { ::ptrace(PTRACE_SYSCALL, tid, nullptr, signal); }

  void at_call(pid_t tid) {
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0) return;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return;
    const auto rule = rules().find(static_cast<long>(info.entry.nr));
    if (rule == rules().end()) return;
    const pid_t process = process_of(tid);
    // A child between fork and exec is still a copy of its parent and not yet among them.
    if (victims_.count(process) == 0) return;
    Call call{static_cast<long>(info.entry.nr), {}};
    std::memcpy(call.arguments, info.entry.args, sizeof call.arguments);
    std::string what;
    if (!counts(tid, process, call, rule->second.second, what) || ++count_ != at_) return;
    killed_ = true;
    write_report("killed " + std::to_string(count_) + " " + rule->second.first + " " + what);
    ::kill(process, SIGKILL);
  }

  bool counts(pid_t tid, pid_t process, const Call& call, Rule rule, std::string& what) {
    const auto opened = [&](std::uint64_t fd) {
      return link_text("/proc/" + std::to_string(process) + "/fd/" + std::to_string(static_cast<int>(fd)));
    };
    const bool heard = connected_.count({process, static_cast<int>(call[0])}) != 0;
    switch (rule) {
      case Rule::kPath:
        what = text_at(tid, call[0]);
        return true;
      case Rule::kSecondPath:
        what = text_at(tid, call[1]);
        return true;
      case Rule::kOpen:
        what = text_at(tid, call[1]);
        return (call[2] & (O_CREAT | O_TRUNC)) != 0;
      case Rule::kWrite:
        what = opened(call[0]);
        // Logs grow all the time, and nobody reads a state from them.
        if (what.starts_with("/")) return !what.starts_with("/dev/") && !what.ends_with(".log");
        return heard;
      case Rule::kSpeak:
        return heard;
      case Rule::kConnect:
        connected_.insert({process, static_cast<int>(call[0])});
        return true;
      case Rule::kLock:
        what = opened(call[0]);
        return call[1] == F_OFD_SETLK || call[1] == F_OFD_SETLKW;
      case Rule::kFork:
        return (call[0] & CLONE_THREAD) == 0;
      case Rule::kFork3: {
        std::uint64_t flags = CLONE_THREAD;
        const auto bytes = bytes_at(tid, call[0], sizeof flags);
        if (bytes.size() == sizeof flags) std::memcpy(&flags, bytes.data(), sizeof flags);
        return (flags & CLONE_THREAD) == 0;
      }
      case Rule::kPlain:
        return true;
    }
    return false;
  }

  void write_report(const std::string& line) { std::ofstream(report_) << line << "\n"; }

  std::string report_;
  std::string program_;
  unsigned long at_;
  unsigned long count_ = 0;
  bool killed_ = false;
  std::set<pid_t> victims_;
  std::set<std::pair<pid_t, int>> connected_;
};

int failed(const char* doing) {
  std::fprintf(stderr, "kill_at: %s: %s\n", doing, std::strerror(errno));
  return 125;
}

// The child waits until it is followed, so that not even its exec is missed.
pid_t start(char** command, int& release) {
  int gate[2];
  if (::pipe2(gate, O_CLOEXEC) < 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    if (::read(gate[0], &byte, 1) == 1) ::execvp(command[0], command);
    std::fprintf(stderr, "kill_at: %s: %s\n", command[0], std::strerror(errno));
    ::_exit(125);
  }
  ::close(gate[0]);
  release = gate[1];
  return child;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: kill_at REPORT PROGRAM N COMMAND [ARGUMENT]...\n");
    return 125;
  }
  int release = -1;
  const pid_t root = start(argv + 4, release);
  if (root < 0) return failed("starting the command");
  constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  if (::ptrace(PTRACE_SEIZE, root, nullptr, kOptions) < 0)
    return failed("following it (is ptrace allowed here?)");
  // Stopped once, so that it goes on from one system call to the next.
  if (::ptrace(PTRACE_INTERRUPT, root, nullptr, nullptr) < 0) return failed("stopping it");
  if (::write(release, "x", 1) != 1) return failed("releasing it");
  Tracer tracer(argv[1], argv[2], std::strtoul(argv[3], nullptr, 10));
  const int status = tracer.follow(root);
  if (status == -1) return failed("waiting for it");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
