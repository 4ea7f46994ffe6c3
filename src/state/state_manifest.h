// StateManifest: what a saved state is: which machine, which layers and disk nodes, which files with which
// checksums. The content of store/states/<id>/manifest.json, written last and never changed. A value; any
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/checksum128.h"
#include "model/machine_spec.h"

namespace cove {

enum class StateKind : unsigned char {
  kFull,  // memory, devices and disks
  kDisk,  // disks only
};
// Whether the guest's file systems were at rest when the disks were taken.
enum class DiskQuiet : unsigned char { kFrozen, kCrashConsistent };

std::string_view to_string(StateKind kind);
std::string_view to_string(DiskQuiet quiet);

struct StateFile {
  std::uint64_t bytes = 0;
  Checksum128 checksum{};
  friend bool operator==(const StateFile&, const StateFile&) = default;
};

struct StateDisk {
  std::string device{};  // id of the disk in the machine description: "root"
  std::string node{};    // id in store/disk
  friend bool operator==(const StateDisk&, const StateDisk&) = default;
};

// Of a full state. The pages that differ from the layer stand in the file "page.index".
struct StateMemory {
  std::string layer{};  // id of the full layer in store/ram
  std::uint64_t bytes = 0;
  friend bool operator==(const StateMemory&, const StateMemory&) = default;
};

struct StateManifest {
  std::string id{};  // 32 lower-case hex digits, the folder's name
  StateKind kind = StateKind::kFull;
  std::string vm{};          // the VM it was taken of, by its name then
  std::string created_at{};  // RFC 3339 UTC
  std::string cove{};        // version that wrote it
  std::string engine{};      // "qemu 7.2.22"; empty for a disk state of a stopped VM
  DiskQuiet quiet = DiskQuiet::kCrashConsistent;
  std::optional<MachineSpec> machine{};  // kFull: as it was, complete
  std::optional<StateMemory> memory{};   // kFull
  std::vector<StateDisk> disks{};
  std::map<std::string, StateFile> files{};  // of the state's folder, without the manifest
  Json guest = Json::object();               // the VM's configuration then, for a VM made of the state

  // With its own checksum as last member.
  std::string to_text() const;
  // kDataLoss: what is wrong with it; kFailedPrecondition: a newer cove wrote it. The id has to be `id`.
  static Result<StateManifest> parse(std::string_view text, std::string_view id);
  friend bool operator==(const StateManifest&, const StateManifest&) = default;
};

}  // namespace cove
