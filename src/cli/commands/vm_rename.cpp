#include "cli/commands/commands.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

Result<int> run_rename(Invocation& inv) {
  const auto from = COVE_TRY(choose_name(inv, &inv.flags.words[0]));
  auto to = VmName::parse(inv.flags.words[1]);
  if (!to.ok()) return inv.usage(std::move(to).error());
  COVE_TRY(registry_of(inv.env).rename(from, *to));
  inv.tell({.vm = to->str(),
            .done = "renamed",
            .state = std::string(to_string(VmDirectory(Home(inv.env.home), *to).observe().state)),
            .text = from.str() + ": renamed to " + to->str(),
            .details = Json::object({{"old_name", from.str()}})});
  return 0;
}

}  // namespace

constinit const CommandSpec kVmRenameCommand{.name = "vm rename",
                                             .words = "OLD NEW",
                                             .summary = "give a stopped VM another name",
                                             .flags = {},
                                             .word_kind = WordKind::kVm,
                                             .least_words = 2,
                                             .most_words = 2,
                                             .run = run_rename};

}  // namespace cove
