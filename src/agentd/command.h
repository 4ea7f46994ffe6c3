// Command: one program started by the agent, in a session of its own, with its three streams. Owned by the
// handler that started it; any one thread, except where it says more. Its destructor kills the process group
// and reaps a command that still runs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agentd/accounts.h"
#include "agentd/environment.h"
#include "base/process.h"
#include "base/result.h"
#include "base/strays.h"
#include "base/unique_fd.h"

namespace cove::agentd {

struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
};

struct CommandSpec {
  std::vector<std::string> args;
  Environment environment;
  std::string working_directory;
  Identity identity;
  std::optional<WindowSize> terminal;  // a PTY for all three streams
  enum class Input : std::uint8_t { kNull, kPipe };
  Input input = Input::kNull;  // without a terminal
};

class Command final {
 public:
  // kNotFound: no such command or working directory (the message says which); kPermissionDenied likewise.
  static Result<Command> start(const CommandSpec& spec);
  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  ~Command();

  // Non-blocking ends; -1 when there is none or it was closed. With a terminal `input` and `output` are the
  // same PTY.
  int input() const { return terminal_ ? output_.get() : input_.get(); }
  int output() const { return output_.get(); }
  int error() const { return error_.get(); }
  bool has_terminal() const { return terminal_; }
  void close_input() { input_.reset(); }
  void close_output() { output_.reset(); }  // not with a terminal, which other threads may be using
  void close_error() { error_.reset(); }

  int pidfd() const { return pidfd_.get(); }  // readable once it has ended
  // How it ended, if it has. It stays a zombie until this object goes, and its process group can be
  // signalled.
  std::optional<ExitStatus> poll_end();
  // To the whole process group; with a terminal, to its foreground group. Any thread while the command lives.
  void signal(int number) const;
  void kill_group() const;
  // Its descendants in other groups, while it lives.
  Strays strays() const;
  void resize(WindowSize size) const;  // any thread, with a terminal

 private:
  Command() = default;
  pid_t pid_ = -1;
  bool terminal_ = false;
  std::optional<ExitStatus> end_;
  UniqueFd pidfd_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd error_;
};

}  // namespace cove::agentd
