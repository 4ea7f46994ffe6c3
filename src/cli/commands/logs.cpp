#include <array>

#include "base/files.h"
#include "base/strings.h"
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

constexpr std::size_t kMostAsJson = std::size_t{64} << 20U;

bool wants_more(const Invocation& inv) { return inv.flags.is_set("f") || inv.flags.is_set("follow"); }

Error no_log_yet(const VmDirectory& vm) {
  return Error(Code::kNotFound, "vm \"" + vm.name().str() + "\" has no log yet")
      .hint("start it: cove up " + vm.name().str());
}

Result<int> print_as_json(Invocation& inv, const VmDirectory& vm) {
  const bool supervisor = inv.flags.is_set("supervisor");
  auto text = read_file(supervisor ? vm.supervisor_log() : vm.serial_log(), kMostAsJson);
  if (!text.ok() && text.error().code() == Code::kNotFound) return no_log_yet(vm);
  const std::string whole = COVE_TRY(std::move(text));
  std::string_view shown = whole;
  if (const auto count = inv.flags.count("tail")) shown = last_lines(shown, *count);
  if (shown.ends_with('\n')) shown.remove_suffix(1);
  Json lines = Json::array();
  if (!shown.empty()) {
    for (auto line : split(shown, '\n')) {
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines.push_back(line);
    }
  }
  inv.out.print_json(Json::object({{"version", 1},
                                   {"name", vm.name().str()},
                                   {"log", supervisor ? "supervisor" : "serial"},
                                   {"lines", std::move(lines)}}));
  return 0;
}

Result<int> run_logs(Invocation& inv) {
  if (inv.json() && wants_more(inv)) {
    return inv.usage(Error(Code::kInvalidArgument, "-json prints one object, which -f would never end")
                         .hint("leave one of them out"));
  }
  const auto vm = COVE_TRY(choose_vm(inv));
  if (inv.json()) return print_as_json(inv, vm);
  const LogRequest request{
      .file = inv.flags.is_set("supervisor") ? vm.supervisor_log() : vm.serial_log(),
      .last_lines = inv.flags.count("tail"),
      .style = is_terminal(inv.env.out) ? LogRequest::Style::kPrintable : LogRequest::Style::kAsIs,
      .follow = wants_more(inv) ? LogRequest::Follow::kWhileTrue : LogRequest::Follow::kNo,
      .go_on = [&] { return vm.observe().has_supervisor(); }};
  auto shown = show_log(inv.context(), request, inv.out);
  if (!shown.ok() && shown.error().code() == Code::kNotFound) {
    return no_log_yet(vm);
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
