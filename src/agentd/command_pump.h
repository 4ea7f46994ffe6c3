// pump(): carries a command's streams until it ends. Blocking, on the thread of the call's handler; no thread
// of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "agentd/command.h"
#include "base/cancel.h"

namespace cove::agentd {

enum class OutputStream : std::uint8_t { kOut, kErr };

class OutputSink {
 public:
  virtual ~OutputSink() = default;
  // May block while the reader is slow. An error ends the command.
  virtual Result<void> on_output(OutputStream stream, std::string_view bytes) = 0;
};

struct CommandEnd {
  ExitStatus status;
  enum class Reason : std::uint8_t { kEnded, kTimeout };
  Reason reason = Reason::kEnded;
  std::chrono::nanoseconds duration{0};
};

struct PumpOptions {
  std::string_view input;  // written to standard input, which is then closed, when pump_input is kYes
  enum class PumpInput : std::uint8_t { kNo, kYes };
  PumpInput pump_input = PumpInput::kNo;
  Deadline timeout;  // ends the command, which then counts as timed out
};

// Returns when the command has ended and what it wrote has been delivered. Output that its descendants keep
// open is followed only while they write, and not for long. When ctx ends or the sink fails, the process
// group gets TERM, after a second KILL, and the error is returned.
Result<CommandEnd> pump(const OpContext& ctx, Command& command, const PumpOptions& options, OutputSink& sink);

}  // namespace cove::agentd
