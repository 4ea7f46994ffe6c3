#include "cli/snapshot_words.h"

#include <map>

namespace cove {

Result<void> check_snapshot_names(Invocation& inv) {
  for (const auto& word : inv.flags.words) {
    auto name = VmName::parse(word);
    if (!name.ok()) return inv.usage(std::move(name).context("snapshot").error());
  }
  return {};
}

void add_json(Json& json, const Snapshot& snapshot) {
  json.set("name", snapshot.name);
  json.set("kind", to_string(snapshot.kind));
  json.set("parent", snapshot.parent);
  json.set("created_at", snapshot.created_at);
  json.set("description", snapshot.description);
  json.set("state", snapshot.state);
}

StoreSizes sizes_for_list(Invocation& inv, const VmDirectory& vm) {
  auto sizes = measure_store(vm.home());
  if (sizes.ok()) return std::move(sizes).value();
  inv.out.note("the sizes cannot be told: " + printable(sizes.error().message()));
  return {};
}

void add_sizes(Json& json, const StoreSizes& sizes, const std::string& state) {
  const auto size = sizes.states.find(state);
  if (size == sizes.states.end()) return;
  json.set("own_bytes", size->second.own);
  json.set("shared_bytes", size->second.shared);
  json.set("freed_by_delete_bytes", size->second.own);
}

std::vector<TreeRow> tree_rows(const SnapshotTree& tree) {
  std::map<std::string_view, std::vector<const Snapshot*>> children;
  for (const auto& snapshot : tree.all()) children[snapshot.parent].push_back(&snapshot);
  std::vector<TreeRow> rows;
  // Those still to be told, the next one last: a chain of thousands needs no recursion.
  std::vector<TreeRow> open;
  const auto push = [&](std::string_view parent, std::size_t depth) {
    const auto& list = children[parent];
    for (auto one = list.rbegin(); one != list.rend(); ++one) open.push_back({*one, depth});
  };
  push("", 0);
  while (!open.empty()) {
    const auto next = open.back();
    open.pop_back();
    rows.push_back(next);
    push(next.snapshot->name, next.depth + 1);
  }
  return rows;
}

}  // namespace cove
