#include "state/state_manifest.h"

#include <utility>

#include "model/object_id.h"

namespace cove {
namespace {

constexpr std::int64_t kManifestVersion = 1;
constexpr std::size_t kMaxDisks = 64;
constexpr std::size_t kMaxFiles = 64;
constexpr std::string_view kChecksumMember = "checksum";

Error damaged_manifest(std::string_view what) {
  return Error(Code::kDataLoss, "manifest: " + std::string(what));
}
Error wrong_member(std::string_view member) {
  return damaged_manifest("member \"" + std::string(member) + "\" is wrong");
}

// A file of the state's folder, not a path out of it.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         name.find('/') == std::string_view::npos;
}

Json disks_json(const std::vector<StateDisk>& disks) {
  Json list = Json::array();
  for (const auto& disk : disks) list.push_back(Json::object({{"device", disk.device}, {"node", disk.node}}));
  return list;
}

Json files_json(const std::map<std::string, StateFile>& files) {
  Json json = Json::object();
  for (const auto& [name, file] : files)
    json.set(name, Json::object({{"bytes", file.bytes}, {kChecksumMember.data(), file.checksum.to_hex()}}));
  return json;
}

Result<std::vector<StateDisk>> disks_from(const Json& list) {
  std::vector<StateDisk> disks;
  if (!list.is_array() || list.items().size() > kMaxDisks) return wrong_member("disks");
  for (const auto& item : list.items()) {
    StateDisk disk{item.get("device").as_string(), item.get("node").as_string()};
    if (disk.device.empty() || !is_object_id(disk.node)) return wrong_member("disks");
    disks.push_back(std::move(disk));
  }
  return disks;
}

Result<std::map<std::string, StateFile>> files_from(const Json& json) {
  std::map<std::string, StateFile> files;
  if (!json.is_object() || json.members().size() > kMaxFiles) return wrong_member("files");
  for (const auto& [name, value] : json.members()) {
    const auto sum = Checksum128::from_hex(value.get(kChecksumMember).as_string());
    if (!is_plain_name(name) || !value.get("bytes").is_number() || !sum.ok()) return wrong_member("files");
    files[name] = {value.get("bytes").as_uint(), *sum};
  }
  return files;
}

Result<void> read_memory(const Json& json, StateManifest& state) {
  const Json& memory = json.get("memory");
  state.memory = StateMemory{memory.get("layer").as_string(), memory.get("bytes").as_uint()};
  if (!is_object_id(state.memory->layer)) return wrong_member("memory");
  auto machine = MachineSpec::from_json(json.get("machine"));
  if (!machine.ok()) {
    if (machine.error().code() == Code::kFailedPrecondition) return std::move(machine).error();
    return damaged_manifest(machine.error().message());
  }
  if (state.memory->bytes != machine->memory_bytes) return wrong_member("memory");
  state.machine = std::move(machine).value();
  return {};
}

Result<void> read_kind(const Json& json, StateManifest& state) {
  const auto& kind = json.get("kind").as_string();
  const auto& quiet = json.get("quiet").as_string();
  if (kind != to_string(StateKind::kFull) && kind != to_string(StateKind::kDisk)) return wrong_member("kind");
  if (quiet != to_string(DiskQuiet::kFrozen) && quiet != to_string(DiskQuiet::kCrashConsistent))
    return wrong_member("quiet");
  state.kind = kind == to_string(StateKind::kFull) ? StateKind::kFull : StateKind::kDisk;
  state.quiet = quiet == to_string(DiskQuiet::kFrozen) ? DiskQuiet::kFrozen : DiskQuiet::kCrashConsistent;
  return state.kind == StateKind::kFull ? read_memory(json, state) : Result<void>();
}

// Before anything else of it is believed.
Result<void> check_sum(Json json) {
  const auto told = Checksum128::from_hex(json.get(kChecksumMember).as_string());
  json.erase(kChecksumMember);
  if (!told.ok() || *told != Checksum128::of(json.dump()))
    return damaged_manifest("its checksum does not fit");
  return {};
}

}  // namespace

std::string_view to_string(StateKind kind) { return kind == StateKind::kFull ? "full" : "disk"; }
std::string_view to_string(DiskQuiet quiet) {
  return quiet == DiskQuiet::kFrozen ? "frozen" : "crash-consistent";
}

std::string StateManifest::to_text() const {
  Json json = Json::object({{"version", kManifestVersion},
                            {"id", id},
                            {"kind", to_string(kind)},
                            {"vm", vm},
                            {"created_at", created_at},
                            {"cove", cove},
                            {"engine", engine},
                            {"quiet", to_string(quiet)}});
  if (machine) json.set("machine", machine->to_json());
  if (memory) json.set("memory", Json::object({{"layer", memory->layer}, {"bytes", memory->bytes}}));
  json.set("disks", disks_json(disks));
  json.set("files", files_json(files));
  json.set("guest", guest);
  json.set(kChecksumMember, Checksum128::of(json.dump()).to_hex());
  return json.dump(2) + "\n";
}

Result<StateManifest> StateManifest::parse(std::string_view text, std::string_view id) {
  const auto json = Json::parse(text);
  if (!json.ok()) return damaged_manifest(json.error().message());
  // A newer version may have another way to be checked.
  if (json->get("version").as_int() > kManifestVersion) {
    return Error(Code::kFailedPrecondition, "manifest: version " +
                                                std::to_string(json->get("version").as_int()) +
                                                " was written by a newer cove");
  }
  COVE_TRY(check_sum(*json));
  if (json->get("version").as_int() != kManifestVersion) return wrong_member("version");
  StateManifest state;
  state.id = json->get("id").as_string();
  if (state.id != id || !is_object_id(id)) return wrong_member("id");
  state.vm = json->get("vm").as_string();
  state.created_at = json->get("created_at").as_string();
  state.cove = json->get("cove").as_string();
  state.engine = json->get("engine").as_string();
  COVE_TRY(read_kind(*json, state));
  state.disks = COVE_TRY(disks_from(json->get("disks")));
  state.files = COVE_TRY(files_from(json->get("files")));
  state.guest = json->get("guest");
  return state;
}

}  // namespace cove
