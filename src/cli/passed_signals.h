// PassedSignals: while one lives, the signals that somebody sends to whoever runs a command (INT, TERM, HUP,
// QUIT, USR1, USR2, and WINCH with a terminal) come out here instead of acting on this process. Owned by exec
// and shell, made and destroyed in the main thread, the only one that takes signals; next() and fd() from any
// one thread.
#pragma once

#include <signal.h>

#include <optional>

#include "base/unique_fd.h"

namespace cove {

enum class WindowChanges : unsigned char { kLeave, kTake };

class PassedSignals {
 public:
  // A signal that this process ignores (nohup) stays ignored.
  explicit PassedSignals(WindowChanges windows);
  PassedSignals(const PassedSignals&) = delete;
  PassedSignals& operator=(const PassedSignals&) = delete;
  // Signals not asked for by then are lost: what they were for is over.
  ~PassedSignals();

  int fd() const { return fd_.get(); }  // readable when next() has one
  std::optional<int> next() const;

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

}  // namespace cove
