// VmView: one VM as the user sees it: what the files say, and what its supervisor says if it has one.
#pragma once

#include <optional>

#include "base/json.h"
#include "cli/supervisor_calls.h"
#include "store/vm_registry.h"

namespace cove {

struct VmView {
  VmDirectory directory;
  Observation seen;
  std::optional<VmConfig> config;
  std::optional<LiveStatus> live;
  std::optional<std::uint64_t> disk_allocated_bytes;
  std::optional<SnapshotTree> snapshots{};  // if it can be read
  bool current = false;
  std::string advice{};  // it has a supervisor that does not tell; state() is what it said last

  MachineState state() const { return live ? live->state : seen.state; }
  std::string reason() const { return live ? live->reason : seen.reason; }
};

// Asks a supervisor 2 s long at most: a VM whose supervisor hangs is still listed.
VmView look_at(const OpContext& ctx, const VmDirectory& directory);
// The same of many, asked at the same time; in the order of `directories`.
std::vector<VmView> look_at_all(const OpContext& ctx, const std::vector<VmDirectory>& directories);
// One element of `list -json`, and the whole of `status -json`.
Json to_json(const VmView& view);
// "4.2 GB of 64 GB"; "-" when unknown.
std::string disk_text(const VmView& view);

}  // namespace cove
