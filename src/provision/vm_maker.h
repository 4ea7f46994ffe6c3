// VmMaker: VMs made and changed while nothing runs: create, finish an interrupted creation, set, delete.
// Every step leaves files that VmDirectory::observe() describes truly, so a crash anywhere is survived: `up`
// finishes and `delete` removes. Any thread, any process; the VM's run lock is held meanwhile.
#pragma once

#include <optional>

#include "base/files.h"
#include "base/progress.h"
#include "base/step_gate.h"
#include "catalog/image_cache.h"
#include "state/collector.h"
#include "store/vm_registry.h"

namespace cove {

struct VmChange {
  std::optional<std::uint32_t> cpus{};
  std::optional<std::uint64_t> memory_gb{};
  std::optional<std::uint64_t> disk_gb{};
  std::optional<std::string> machine_type{};  // empty: the newest there is at the next start
  std::vector<PortForward> forwards{};        // added, or in place of those on the same host port
  std::vector<std::uint16_t> no_forwards{};   // removed before, as take_forwards() says
};

class VmMaker {
 public:
  explicit VmMaker(Home home, StepGate gate = nullptr) : registry_(std::move(home)), gate_(std::move(gate)) {}

  // A new VM from an image of the cache. `wanted` says cpus, memory, disk, network, boot, user, forwards;
  // mac, machine id, disk and creation time are made here. kAlreadyExists; kOutOfRange: the disk is smaller
  // than the image. On an error nothing is left behind.
  Result<VmDirectory> create(const VmName& name, VmConfig wanted, const CachedImage& image);
  // Goes on where a creation stopped; what the first attempt made (mac, ids) is kept, the rest is as `wanted`
  // says. kFailedPrecondition: somebody is still creating it.
  Result<VmDirectory> finish(const VmName& name, VmConfig wanted, const CachedImage& image);
  // kFailedPrecondition while it runs; kOutOfRange if the disk would shrink; kNotFound: no such forward.
  Result<VmConfig> change(const VmName& name, const VmChange& change);
  // And what nobody but it named in the store. kFailedPrecondition while it runs.
  Result<SweepReport> remove(const VmName& name);

 private:
  Result<void> build(const VmDirectory& directory, VmConfig wanted, const CachedImage& image);
  Result<void> make_disk(const VmDirectory& directory, const VmConfig& config, const CachedImage& image);
  Result<void> step(std::string_view name);
  VmRegistry registry_;
  StepGate gate_;
};

}  // namespace cove
