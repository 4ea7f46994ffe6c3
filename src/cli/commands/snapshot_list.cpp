#include <algorithm>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/snapshot_words.h"
#include "cli/vm_choice.h"

namespace cove {
namespace {

// Deeper ones are not moved to the right any more: the table shall fit a terminal.
constexpr std::size_t kMaxIndent = 8;

void print_table(Invocation& inv, const SnapshotTree& tree, const StoreSizes& sizes) {
  std::vector<std::vector<std::string>> rows{
      {"NAME", "KIND", "PARENT", "CREATED", "OWN", "SHARED", "DESCRIPTION"}};
  for (const auto& row : tree_rows(tree)) {
    const auto& snapshot = *row.snapshot;
    const auto size = sizes.states.find(snapshot.state);
    const bool known = size != sizes.states.end();
    const auto own = known ? format_bytes(size->second.own) : "-";
    const auto shared = known ? format_bytes(size->second.shared) : "-";
    const bool current = snapshot.name == tree.current();
    rows.push_back(
        {std::string(2 * std::min(row.depth, kMaxIndent), ' ') + snapshot.name + (current ? " *" : ""),
         std::string(to_string(snapshot.kind)), snapshot.parent.empty() ? "-" : snapshot.parent,
         snapshot.created_at, own, shared, snapshot.description.substr(0, snapshot.description.find('\n'))});
  }
  inv.out.print(printable(format_table(rows)));
}

Result<int> run_snapshot_list(Invocation& inv) {
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto tree = COVE_TRY(vm.load_snapshots());
  const auto sizes = sizes_for_list(inv, vm);
  if (inv.json()) {
    Json list = Json::array();
    for (const auto& row : tree_rows(tree)) {
      auto json = Json::object();
      add_json(json, *row.snapshot);
      add_sizes(json, sizes, row.snapshot->state);
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
    print_table(inv, tree, sizes);
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
