#include "state/store_roots.h"

#include "store/vm_registry.h"

namespace cove {
namespace {

constexpr int kMostLooks = 50;

Result<void> look_at_config(const VmDirectory& vm, VmRoots& roots) {
  const auto config = vm.load_config();
  if (config.ok()) {
    roots.root_disk = config->root_disk;
    return {};
  }
  // The first thing that is written into a VM's folder is that it is being created.
  if (config.error().code() == Code::kNotFound && roots.creating) return {};
  return config.error();
}

Result<VmRoots> look_at(const VmDirectory& vm) {
  VmRoots roots{.vm = vm.name().str()};
  roots.pending = COVE_TRY(vm.load_pending());
  roots.alive = COVE_TRY(FileLock::holder(vm.run_lock())).has_value();
  roots.creating = COVE_TRY(vm.creating_phase()).has_value();
  COVE_TRY(look_at_config(vm, roots));
  if (const auto record = COVE_TRY(vm.load_suspend())) roots.suspended = record->state;
  const auto tree = COVE_TRY(vm.load_snapshots());
  for (const auto& snapshot : tree.all()) roots.snapshots.insert(snapshot.state);
  return roots;
}

}  // namespace

std::set<std::string> VmRoots::states() const {
  auto all = snapshots;
  if (!suspended.empty()) all.insert(suspended);
  return all;
}

Result<std::vector<VmRoots>> look_at_roots(const Home& home) {
  std::vector<VmRoots> all;
  for (const auto& name : COVE_TRY(VmRegistry(home).list())) {
    const VmDirectory vm(home, name);
    auto roots = look_at(vm);
    // Renamed: it may have been read under neither name.
    if (!vm.exists()) return Error(Code::kAborted, "vm \"" + name.str() + "\" went away");
    if (!roots.ok()) return std::move(roots).context("vm \"" + name.str() + "\"").error();
    all.push_back(std::move(roots).value());
  }
  return all;
}

Result<std::vector<VmRoots>> read_roots(const Home& home) {
  Result<std::vector<VmRoots>> before = Error(Code::kAborted, "not looked yet");
  for (int look = 0; look < kMostLooks; ++look) {
    auto now = look_at_roots(home);
    if (!now.ok() && now.error().code() != Code::kAborted) return now;
    if (before.ok() && now.ok() && *before == *now) return now;
    before = std::move(now);
  }
  return Error(Code::kAborted, "the VMs' files change too fast to be read");
}

}  // namespace cove
