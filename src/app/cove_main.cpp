// The program `cove`: reads the process's surroundings once, hands them to the CLI.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/standard_streams.h"
#include "cli/main_command.h"
#include "rpc/message_log.h"

extern char** environ;

namespace {

// A signal handler reaches nothing else. The first is set once, before the handlers are installed.
const cove::CancelSource* interrupted = nullptr;
const cove::CancelSource* interrupted_again = nullptr;
std::atomic<int> first_signal{0};

extern "C" void on_interrupt(int number) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, number)) interrupted_again->cancel();
  interrupted->cancel();
}

int cancelling_signal() { return first_signal.load(); }

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::filesystem::path own_program() {
  std::error_code error;
  auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path("cove") : path;
}

// Installed: PREFIX/bin/cove beside PREFIX/libexec/cove. In a build tree all programs are in bin/.
std::filesystem::path libexec_beside(const std::filesystem::path& program) {
  auto folder = program.parent_path();
  if (::access((folder / "cove-vm").c_str(), X_OK) == 0) return folder;
  return folder.parent_path() / "libexec" / "cove";
}

std::filesystem::path home_folder(const std::filesystem::path& working_directory) {
  if (const auto home = variable("COVE_HOME"); !home.empty())
    return (working_directory / home).lexically_normal();
  return std::filesystem::path(variable("HOME")) / ".vz";
}

cove::Environment surroundings(int argc, char** argv) {
  cove::Environment env;
  std::error_code error;
  env.arguments.assign(argv + 1, argv + argc);
  env.working_directory = std::filesystem::current_path(error);
  env.home = home_folder(env.working_directory);
  env.program = own_program();
  env.libexec = libexec_beside(env.program);
  env.user_home = variable("HOME");
  if (const auto temporary = variable("TMPDIR"); !temporary.empty()) env.temporary = temporary;
  env.chosen_vm = variable("COVE_VM");
  env.backend = variable("COVE_BACKEND");
  env.terminal_type = variable("TERM");
  for (char** entry = environ; *entry != nullptr; ++entry) env.variables.emplace_back(*entry);
  return env;
}

void install_handlers() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: whoever waits shall look up
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    // What nohup made us ignore stays ignored.
    if (number != SIGHUP || before.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  cove::open_standard_streams();
  const cove::CancelSource cancel;
  const cove::CancelSource cancel_again;
  interrupted = &cancel;
  interrupted_again = &cancel_again;
  install_handlers();
  cove::rpc::route_message_log();
  auto env = surroundings(argc, argv);
  env.cancel = cancel.token();
  env.cancel_again = cancel_again.token();
  env.cancelling_signal = cancelling_signal;
  return cove::run_cli(env);
}
