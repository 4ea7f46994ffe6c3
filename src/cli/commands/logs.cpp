#include <array>

#include "cli/commands/commands.h"
#include "cli/log_follower.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 4> kLogsFlags{{
    {"f", FlagKind::kSwitch, "", "go on with what comes, until the VM ends", ""},
    {"follow", FlagKind::kSwitch, "", "", ""},
    {"supervisor", FlagKind::kSwitch, "", "the supervisor's log instead of the serial console", ""},
    {"tail", FlagKind::kCount, "N", "only the last N lines", ""},
}};

Result<int> run_logs(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv));
  const LogRequest request{
      .file = inv.flags.is_set("supervisor") ? vm.supervisor_log() : vm.serial_log(),
      .last_lines = inv.flags.count("tail"),
      .style = is_terminal(inv.env.out) ? LogRequest::Style::kPrintable : LogRequest::Style::kAsIs,
      .follow = inv.flags.is_set("f") || inv.flags.is_set("follow") ? LogRequest::Follow::kWhileTrue
                                                                    : LogRequest::Follow::kNo,
      .go_on = [&] { return vm.observe().has_supervisor(); }};
  auto shown = show_log(inv.context(), request, inv.out);
  if (!shown.ok() && shown.error().code() == Code::kNotFound) {
    return Error(Code::kNotFound, "vm \"" + vm.name().str() + "\" has no log yet")
        .hint("start it: cove up " + vm.name().str());
  }
  COVE_TRY(std::move(shown));
  return 0;
}

}  // namespace

constinit const CommandSpec kLogsCommand{.name = "logs",
                                         .words = "[NAME]",
                                         .summary = "what a VM wrote on its serial console",
                                         .flags = kLogsFlags,
                                         .word_kind = WordKind::kVm,
                                         .most_words = 1,
                                         .run = run_logs};

}  // namespace cove
