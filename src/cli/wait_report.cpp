#include "cli/wait_report.h"

#include "format/duration.h"

namespace cove {
namespace {

constexpr std::size_t kMostLines = 8;

}  // namespace

Error unmet_error(const std::string& vm, std::string_view fact, std::chrono::nanoseconds waited,
                  const WaitOutcome& outcome) {
  if (outcome.state == MachineState::kPaused) {
    return Error(Code::kFailedPrecondition,
                 "vm \"" + vm + "\" is paused" + (outcome.reason.empty() ? "" : ": " + outcome.reason))
        .hint(outcome.hint);
  }
  const auto& first = outcome.missing.empty() ? std::string(fact) : outcome.missing.front();
  auto text =
      "vm \"" + vm + "\" runs, but the fact '" + first + "' did not come within " + format_duration(waited);
  for (const auto& known : outcome.facts) {
    if (!known.evidence.empty())
      text += "\n  " + known.name + (known.met ? ": yes, " : ": no, ") + known.evidence;
  }
  const auto& tail = outcome.console_tail;
  if (!tail.empty()) text += "\nlast lines of its console:";
  for (auto i = tail.size() > kMostLines ? tail.size() - kMostLines : 0; i < tail.size(); ++i)
    text += "\n  | " + tail[i];
  return Error(Code::kDeadlineExceeded, std::move(text))
      .hint("wait longer: cove wait -for " + std::string(fact) + " -timeout 5m " + vm +
            "\nsee its console: cove logs " + vm);
}

}  // namespace cove
