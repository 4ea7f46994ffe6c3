#include "cli/commands/commands.h"
#include "cli/new_vm_flags.h"
#include "cli/progress_line.h"
#include "cli/vm_choice.h"
#include "cli/vm_creation.h"

namespace cove {
namespace {

Result<int> run_install(Invocation& inv) {
  const auto name = COVE_TRY(choose_name(inv, inv.flags.words.empty() ? nullptr : &inv.flags.words[0]));
  const bool known = VmDirectory(Home(inv.env.home), name).exists();
  const auto wanted = COVE_TRY(config_from_flags(inv, known ? AskPassword::kNever : AskPassword::kIfWanted));
  auto progress = make_progress(inv.env.err);
  const auto created = COVE_TRY(ensure_vm(inv, name, wanted, *progress));
  progress.reset();
  if (created.how == Creation::kWasThere) {
    return Error(Code::kAlreadyExists, "a vm named \"" + name.str() + "\" exists already")
        .hint("start it: cove up " + name.str() + "\nor make another: cove install NAME");
  }
  if (!created.hint.empty()) inv.out.note(created.hint);
  inv.tell({.vm = name.str(),
            .done = "installed",
            .state = "stopped",
            .text = name.str() + ": installed. Start it: cove up " + name.str()});
  return 0;
}

}  // namespace

constinit const CommandSpec kInstallCommand{.name = "install",
                                            .words = "[NAME]",
                                            .summary = "make a VM without starting it",
                                            .flags = kNewVmFlags,
                                            .word_kind = WordKind::kVm,
                                            .most_words = 1,
                                            .run = run_install};

}  // namespace cove
