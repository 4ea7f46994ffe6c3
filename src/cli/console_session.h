// ConsoleSession: joins the serial console of a VM to the user's terminal (or files) until one of them ends.
// One thread, blocking. Ctrl-] leaves when the input is a terminal, which is in raw mode meanwhile.
#pragma once

#include "base/cancel.h"
#include "control/raw_stream.h"

namespace cove {

enum class ConsoleEnd : unsigned char {
  kGuestEnded,  // the stream ended: the VM is gone
  kLeft         // the user typed Ctrl-], or the input (no terminal) ended and `at_end` says to leave then
};

struct ConsoleOptions {
  int in = 0;
  int out = 1;
  enum class AtEnd : unsigned char { kLeave, kStay } at_end = AtEnd::kLeave;
};

Result<ConsoleEnd> run_console(const OpContext& ctx, RawStream stream, const ConsoleOptions& options);

}  // namespace cove
