#include <array>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/snapshot_words.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kSnapshotSaveFlags{{
    {"description", FlagKind::kText, "TEXT", "what it is for, for your memory", ""},
}};
constexpr std::size_t kMaxDescription = 4096;

Result<int> run_snapshot_save(Invocation& inv) {
  COVE_TRY(check_snapshot_names(inv));
  const SnapshotWish wish{.name = inv.flags.words[0],
                          .description = std::string(inv.flags.text("description"))};
  if (wish.description.size() > kMaxDescription) return inv.usage("-description is longer than 4096 bytes");
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  auto progress = make_progress(inv.env.err);
  progress->step("saving " + vm.name().str() + " as " + wish.name);
  const auto saved = COVE_TRY(save_snapshot(inv.context(), vm, wish));
  progress.reset();
  inv.tell(saved_deed(vm, wish, saved));
  return 0;
}

}  // namespace

constinit const CommandSpec kSnapshotSaveCommand{.name = "snapshot save",
                                                 .words = "NAME",
                                                 .summary = "save a running VM, memory and all; it goes on",
                                                 .flags = kSnapshotSaveFlags,
                                                 .word_kind = WordKind::kText,
                                                 .least_words = 1,
                                                 .most_words = 1,
                                                 .run = run_snapshot_save};

}  // namespace cove
