#include "cli/passed_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace cove {
namespace {

bool is_ignored(int number) {
  struct sigaction action {};
  return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

PassedSignals::PassedSignals(WindowChanges windows) {
  sigset_t taken;
  ::sigemptyset(&taken);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
    if (!is_ignored(number)) ::sigaddset(&taken, number);
  }
  if (windows == WindowChanges::kTake) ::sigaddset(&taken, SIGWINCH);
  ::pthread_sigmask(SIG_BLOCK, &taken, &before_);
  fd_.reset(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
}

PassedSignals::~PassedSignals() {
  // Left pending they would act as soon as they are let through, and USR1 ends a process.
  while (next()) continue;
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> PassedSignals::next() const {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace cove
