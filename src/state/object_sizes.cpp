#include "state/object_sizes.h"

#include <sys/stat.h>

#include <vector>

#include "base/files.h"
#include "state/store_graph.h"

namespace cove {
namespace {

// Sizes of what each of several owners reaches.
class Shares {
 public:
  explicit Shares(std::filesystem::path store) : store_(std::move(store)) {}
  void add(StoreObjects objects) {
    for (const auto& object : objects) ++owners_[object];
    reached_.push_back(std::move(objects));
  }
  // Of the owner that was the `number`th to be added.
  StateSizes sizes(std::size_t number) {
    StateSizes sizes;
    for (const auto& object : reached_[number]) {
      auto known = bytes_.find(object);
      if (known == bytes_.end()) known = bytes_.emplace(object, object_bytes(store_ / object)).first;
      (owners_[object] == 1 ? sizes.own : sizes.shared) += known->second;
    }
    return sizes;
  }

 private:
  std::filesystem::path store_;
  std::vector<StoreObjects> reached_;
  std::map<std::string, int> owners_;
  std::map<std::string, std::uint64_t> bytes_;
};

}  // namespace

std::uint64_t object_bytes(const std::filesystem::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return 0;
  auto bytes = static_cast<std::uint64_t>(info.st_blocks) * 512;
  if (!S_ISDIR(info.st_mode)) return bytes;
  const auto names = list_directory(path);
  if (!names.ok()) return bytes;
  for (const auto& name : *names) bytes += object_bytes(path / name);
  return bytes;
}

Result<StoreSizes> measure_store(const Home& home) {
  const auto roots = COVE_TRY(read_roots(home));
  StoreGraph graph(home);
  Shares by_state(home.root() / "store");
  Shares by_vm(home.root() / "store");
  std::vector<std::string> states;  // in the order of by_state, once for each file that names it
  for (const auto& vm : roots) {
    StoreObjects all;
    COVE_TRY(graph.add_all(vm, all));
    by_vm.add(std::move(all));
    std::vector<std::string> named(vm.snapshots.begin(), vm.snapshots.end());
    if (!vm.suspended.empty()) named.push_back(vm.suspended);
    for (auto& id : named) {
      StoreObjects reached;
      COVE_TRY(graph.add_state(id, reached));
      by_state.add(std::move(reached));
      states.push_back(std::move(id));
    }
  }
  for (const auto& vm : roots) {
    StoreObjects present;
    COVE_TRY(graph.add_present_disk(vm, present));
    // What is spoken for is often what a file names by now: a state is not another owner of itself.
    for (const auto& id : vm.pending) {
      if (!vm.states().contains(id)) COVE_TRY(graph.add_spoken_for(id, present));
    }
    by_state.add(std::move(present));
  }
  StoreSizes sizes;
  for (std::size_t i = 0; i < states.size(); ++i) sizes.states[states[i]] = by_state.sizes(i);
  for (std::size_t i = 0; i < roots.size(); ++i) sizes.vms[roots[i].vm] = by_vm.sizes(i);
  return sizes;
}

}  // namespace cove
