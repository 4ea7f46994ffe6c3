#include "state/store_graph.h"

#include "base/files.h"

namespace cove {

std::string disk_object(const std::string& id) { return "disk/" + id; }
std::string state_object(const std::string& id) { return "states/" + id; }

// Which of the two it is does not matter: the other one is not there.
void StoreGraph::add_layer(const std::string& id, StoreObjects& reached) const {
  for (const auto& layer : {store_.full_layer(id), store_.page_layer(id)})
    reached.insert("ram/" + layer.filename().string());
}

Result<void> StoreGraph::add_disk(const std::string& id, Absent absent, StoreObjects& reached) {
  // Whoever stands in `reached` came with all that is below it, so meeting one ends the way; also in a
  // circle.
  for (std::optional<std::string> next = id; next && !reached.contains(disk_object(*next));) {
    auto known = below_.find(*next);
    if (known == below_.end()) {
      const auto disk = nodes_.open(*next);
      if (!disk.ok() && disk.error().code() == Code::kNotFound && absent == Absent::kIsFine) return {};
      if (!disk.ok()) return disk.error();
      known = below_.emplace(*next, DiskNodes::node_below(COVE_TRY(disk->info()))).first;
    }
    reached.insert(disk_object(*next));
    next = known->second;
    absent = Absent::kIsError;
  }
  return {};
}

Result<StoreObjects> StoreGraph::read_state(const std::string& id) {
  const auto manifest = COVE_TRY(store_.load(id));
  StoreObjects objects{state_object(id)};
  for (const auto& disk : manifest.disks) COVE_TRY(add_disk(disk.node, Absent::kIsError, objects));
  for (const auto& layer : COVE_TRY(store_.layers_of(manifest))) add_layer(layer, objects);
  return objects;
}

Result<void> StoreGraph::add_state(const std::string& id, StoreObjects& reached) {
  auto known = states_.find(id);
  if (known == states_.end()) known = states_.emplace(id, COVE_TRY(read_state(id))).first;
  reached.insert(known->second.begin(), known->second.end());
  return {};
}

Result<void> StoreGraph::add_spoken_for(const std::string& id, StoreObjects& reached) {
  add_layer(id, reached);
  COVE_TRY(add_disk(id, Absent::kIsFine, reached));
  return path_exists(store_.folder(id)) ? add_state(id, reached) : Result<void>();
}

Result<void> StoreGraph::add_present_disk(const VmRoots& vm, StoreObjects& reached) {
  if (vm.root_disk.empty()) return {};
  const bool may_lack = vm.creating || vm.pending.contains(vm.root_disk);
  return add_disk(vm.root_disk, may_lack ? Absent::kIsFine : Absent::kIsError, reached);
}

Result<void> StoreGraph::add_all(const VmRoots& vm, StoreObjects& reached) {
  for (const auto& id : vm.pending) COVE_TRY(add_spoken_for(id, reached));
  COVE_TRY(add_present_disk(vm, reached));
  for (const auto& id : vm.states()) COVE_TRY(add_state(id, reached));
  return {};
}

}  // namespace cove
