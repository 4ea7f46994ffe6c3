// Processes: start a program with exactly the descriptors it should have, watch it through a pidfd, end it.
// Process is owned by whoever started it; its destructor kills (SIGKILL) and reaps a child that still runs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/unique_fd.h"

namespace cove {

struct ExitStatus {
  int code = 0;    // when it ended by itself
  int signal = 0;  // when a signal ended it
  bool core_dumped = false;
  bool success() const { return code == 0 && signal == 0; }
  // What a shell would say: code, or 128 + signal.
  int shell_status() const { return signal != 0 ? 128 + signal : code; }
  std::string describe() const;  // "exit status 3", "killed by signal 9 (Killed)"
};

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is searched in PATH unless it has a slash
  // The file to execute, as it is, whatever argv[0] says; empty = argv[0].
  std::string program{};
  std::optional<std::vector<std::string>> environment;  // "K=V"; nullopt = the caller's
  std::string working_directory;                        // empty = the caller's
  // Child descriptors: {number in the child, descriptor here}. 0, 1, 2 not named go to /dev/null.
  struct Descriptor {
    int child_fd;
    int fd;
  };
  std::vector<Descriptor> descriptors;
  enum class Session : std::uint8_t { kInherit, kNewGroup, kNewSession };
  Session session = Session::kInherit;
  enum class Holes : std::uint8_t { kAny, kNoSmallOnes };  // what it may punch into files: base/hole_filter.h
  Holes holes = Holes::kAny;
  int parent_death_signal = 0;  // e.g. SIGKILL: sent when the *thread* that spawned it ends
};

class Process {
 public:
  // kNotFound with the program's name if there is no such program.
  static Result<Process> spawn(const SpawnOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when it has ended
  Result<ExitStatus> wait(const OpContext& ctx);
  std::optional<ExitStatus> try_wait();
  void signal(int number);        // to the process; nothing if it has ended
  void signal_group(int number);  // to its process group (needs kNewGroup or kNewSession)
  // Gives the child up without ending it; it is no longer reaped here.
  void detach();

 private:
  Process() = default;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::optional<ExitStatus> status_;
};

struct CommandOutput {
  ExitStatus status;
  std::string out;
  std::string err;
};

// Runs a program to its end with `input` on its standard input, capturing both outputs. On cancel, deadline
// or more than max_bytes of output its whole process group is killed.
Result<CommandOutput> run_command(const OpContext& ctx, SpawnOptions options, std::string_view input = {},
                                  std::size_t max_bytes = std::size_t{16} << 20U);

}  // namespace cove
