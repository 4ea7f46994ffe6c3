#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "cli/wait_report.h"
#include "format/duration.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 2> kWaitFlags{{
    {"for", FlagKind::kText, "FACT", "process, kernel, agent, clock, disk, user, network, stopped", "user"},
    {"timeout", FlagKind::kDuration, "TIME", "how long to wait", "60s"},
}};
constexpr std::string_view kStoppedFact = "stopped";

Result<int> wait_stopped(Invocation& inv, const VmDirectory& vm, std::chrono::nanoseconds timeout) {
  SystemClock clock;
  const auto ctx = inv.context().with_timeout(timeout);
  while (vm.observe().holder) {
    auto slept = clock.sleep(ctx, std::chrono::milliseconds(20));
    if (slept.ok()) continue;
    if (slept.error().code() == Code::kCancelled) return std::move(slept).error();
    return Error(Code::kDeadlineExceeded,
                 "vm \"" + vm.name().str() + "\" still runs after " + format_duration(timeout))
        .hint("stop it: cove stop " + vm.name().str());
  }
  if (inv.json())
    inv.out.print_json(
        Json::object({{"version", 1}, {"name", vm.name().str()}, {"fact", kStoppedFact}, {"met", true}}));
  return 0;
}

Result<int> run_wait(Invocation& inv) {
  const std::string fact(inv.flags.text("for"));
  auto known = fact_names();
  known.emplace_back(kStoppedFact);
  if (std::find(known.begin(), known.end(), fact) == known.end()) {
    const auto near = nearest(fact, known);
    return inv.usage(Error(Code::kInvalidArgument, "there is no fact '" + fact + "'")
                         .hint(near ? "did you mean " + *near + "?" : "one of: " + join(known, ", ")));
  }
  const auto vm = COVE_TRY(choose_vm(inv));
  const auto timeout = *inv.flags.duration("timeout");
  if (fact == kStoppedFact) return wait_stopped(inv, vm, timeout);
  const auto outcome = COVE_TRY(ask_wait(inv.context(), vm, fact, timeout));
  if (!outcome.met) return unmet_error(vm.name().str(), fact, timeout, outcome);
  if (inv.json()) {
    inv.out.print_json(
        Json::object({{"version", 1}, {"name", vm.name().str()}, {"fact", fact}, {"met", true}}));
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kWaitCommand{.name = "wait",
                                         .words = "[NAME]",
                                         .summary = "wait until a VM is ready, or has stopped",
                                         .flags = kWaitFlags,
                                         .word_kind = WordKind::kVm,
                                         .most_words = 1,
                                         .run = run_wait};

}  // namespace cove
