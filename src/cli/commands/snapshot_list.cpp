#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/snapshot_words.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

// Deeper ones are not moved to the right any more: the table shall fit a terminal.
constexpr std::size_t kMaxIndent = 8;

void print_table(Invocation& inv, const SnapshotTree& tree) {
  std::vector<std::vector<std::string>> rows{{"NAME", "KIND", "PARENT", "CREATED", "DESCRIPTION"}};
  for (const auto& row : tree_rows(tree)) {
    const auto& snapshot = *row.snapshot;
    const bool current = snapshot.name == tree.current();
    rows.push_back(
        {std::string(2 * std::min(row.depth, kMaxIndent), ' ') + snapshot.name + (current ? " *" : ""),
         std::string(to_string(snapshot.kind)), snapshot.parent.empty() ? "-" : snapshot.parent,
         snapshot.created_at, snapshot.description.substr(0, snapshot.description.find('\n'))});
  }
  inv.out.print(printable(format_table(rows)));
}

Result<int> run_snapshot_list(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto tree = COVE_TRY(vm.load_snapshots());
  if (inv.json()) {
    Json list = Json::array();
    for (const auto& row : tree_rows(tree)) {
      auto json = Json::object();
      add_json(json, *row.snapshot);
      list.push_back(std::move(json));
    }
    inv.out.print_json(Json::object({{"version", 1},
                                     {"vm", vm.name().str()},
                                     {"current", tree.current()},
                                     {"snapshots", std::move(list)}}));
  } else if (tree.all().empty()) {
    inv.out.note(vm.name().str() + " has no snapshot. Save one: cove snapshot save NAME -vm " +
                 vm.name().str());
  } else {
    print_table(inv, tree);
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kSnapshotListCommand{.name = "snapshot list",
                                                 .words = "",
                                                 .summary = "the snapshots of a VM, and what they cost",
                                                 .flags = {},
                                                 .run = run_snapshot_list};

}  // namespace cove
