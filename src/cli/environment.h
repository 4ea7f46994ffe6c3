// Environment: all that the CLI may know of the process around it. Made once by app/ (the only code that
// reads environment variables), then passed down unchanged, so that tests can be anybody.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace cove {

struct Environment {
  std::vector<std::string> arguments;  // without the program's name
  std::filesystem::path home;          // COVE_HOME, absolute
  std::filesystem::path libexec;       // where cove-vm and cove-fetch are
  std::filesystem::path program;       // our own executable
  std::filesystem::path user_home;     // HOME, for showing paths short
  std::filesystem::path working_directory;
  std::filesystem::path temporary = "/tmp";  // TMPDIR
  std::string chosen_vm;                     // COVE_VM
  std::string backend;                       // COVE_BACKEND: "" = qemu, or "fake"
  std::string terminal_type;                 // TERM
  std::vector<std::string> variables;        // the whole environment, "K=V"
  int in = 0;
  int out = 1;
  int err = 2;
  CancelToken cancel;        // fires at Ctrl-C, SIGTERM or SIGHUP
  CancelToken cancel_again;  // fires at the second of them
  // Which of them it was; 0 before. Null: nobody listens to signals.
  int (*cancelling_signal)() = nullptr;
};

}  // namespace cove
