#include "model/vm_config.h"

#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "model/object_id.h"

namespace cove {
namespace {

constexpr std::string_view kMachineTypeChars =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

constexpr std::int64_t kConfigVersion = 1;
constexpr std::size_t kMaxListed = 1024;

Error wrong(std::string_view member, std::string_view expected) {
  return Error(Code::kInvalidArgument,
               "config member \"" + std::string(member) + "\": " + std::string(expected));
}

// Takes known members out of the object, so that what remains is unknown and kept.
class Reader {
 public:
  explicit Reader(Json json) : rest_(std::move(json)) {}

  Result<void> number(std::string_view name, std::uint64_t max, auto& into) {
    const Json value = take(name);
    if (value.is_null()) return {};
    const std::uint64_t number = value.as_uint(std::numeric_limits<std::uint64_t>::max());
    if (!value.is_number() || number > max) return wrong(name, "a whole number up to " + std::to_string(max));
    into = static_cast<std::decay_t<decltype(into)>>(number);
    return {};
  }
  Result<void> text(std::string_view name, std::string& into) {
    const Json value = take(name);
    if (value.is_null()) return {};
    if (!value.is_string()) return wrong(name, "a string");
    into = value.as_string();
    return {};
  }
  template <typename Enum>
  Result<void> word(std::string_view name, std::initializer_list<Enum> choices, Enum& into) {
    std::string value;
    COVE_TRY(text(name, value));
    if (value.empty()) return {};
    for (const Enum choice : choices) {
      if (to_string(choice) == value) return into = choice, Result<void>();
    }
    return wrong(name, "unknown value \"" + value + "\"");
  }
  Json take(std::string_view name) {
    Json value = rest_.get(name);
    rest_.erase(name);
    return value;
  }
  Json rest() && { return std::move(rest_); }

 private:
  Json rest_;
};

Result<PortForward> forward_from(const Json& json) {
  PortForward forward;
  Reader reader(json);
  COVE_TRY(reader.text("host", forward.host_address));
  COVE_TRY(reader.number("hostPort", 65535, forward.host_port));
  COVE_TRY(reader.number("guestPort", 65535, forward.guest_port));
  if (forward.guest_port == 0) return wrong("forwards", "guestPort is missing");
  return forward;
}

Result<UserConfig> user_from(const Json& json) {
  UserConfig user;
  Reader reader(json);
  COVE_TRY(reader.text("name", user.name));
  COVE_TRY(reader.text("passwordHash", user.password_hash));
  const Json keys = reader.take("sshKeys");
  for (const Json& key : keys.items()) user.ssh_keys.push_back(key.as_string());
  user.admin = reader.take("admin").as_bool(true);
  return user;
}

bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view allowed = i % 3 == 2 ? ":" : "0123456789abcdef";
    if (allowed.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

std::string_view to_string(GuestOs os) { return os == GuestOs::kLinux ? "linux" : "macos"; }
std::string_view to_string(Arch arch) { return arch == Arch::kX86_64 ? "x86_64" : "aarch64"; }
std::string_view to_string(BootMode mode) { return mode == BootMode::kKernel ? "kernel" : "uefi"; }
std::string_view to_string(NetworkMode mode) { return mode == NetworkMode::kNat ? "nat" : "none"; }

std::optional<Arch> arch_from(std::string_view text) {
  if (text == "x86_64" || text == "amd64") return Arch::kX86_64;
  if (text == "aarch64" || text == "arm64") return Arch::kAarch64;
  return std::nullopt;
}

Arch host_arch() {
#if defined(__aarch64__)
  return Arch::kAarch64;
#else
  return Arch::kX86_64;
#endif
}

Result<VmConfig> VmConfig::from_json(const Json& json) {
  if (!json.is_object()) return Error(Code::kInvalidArgument, "config is not a JSON object");
  VmConfig config;
  Reader reader(json);
  std::int64_t version = kConfigVersion;
  COVE_TRY(reader.number("version", std::numeric_limits<std::int32_t>::max(), version));
  if (version > kConfigVersion) {
    return Error(Code::kFailedPrecondition,
                 "config version " + std::to_string(version) + " is newer than this cove")
        .hint("update cove, or use the version that wrote it");
  }
  COVE_TRY(reader.number("cpu", 256, config.cpus));
  COVE_TRY(reader.number("memoryGB", 512, config.memory_gb));
  COVE_TRY(reader.number("diskGB", 16384, config.disk_gb));
  COVE_TRY(reader.word("os", {GuestOs::kLinux, GuestOs::kMacos}, config.os));
  COVE_TRY(reader.word("arch", {Arch::kX86_64, Arch::kAarch64}, config.arch));
  COVE_TRY(reader.word("boot", {BootMode::kKernel, BootMode::kUefi}, config.boot));
  COVE_TRY(reader.word("network", {NetworkMode::kNat, NetworkMode::kNone}, config.network));
  COVE_TRY(reader.text("mac", config.mac));
  COVE_TRY(reader.text("machineId", config.machine_id));
  COVE_TRY(reader.text("image", config.image));
  COVE_TRY(reader.text("imageDigest", config.image_digest));
  COVE_TRY(reader.text("rootDisk", config.root_disk));
  COVE_TRY(reader.text("machineType", config.machine_type));
  COVE_TRY(reader.text("createdAt", config.created_at));
  config.new_identity = reader.take("newIdentity").as_bool();
  config.user = COVE_TRY(user_from(reader.take("user")));
  const Json forwards = reader.take("forwards");
  if (forwards.items().size() > kMaxListed) return wrong("forwards", "too many");
  for (const Json& item : forwards.items()) config.forwards.push_back(COVE_TRY(forward_from(item)));
  config.unknown = std::move(reader).rest();
  COVE_TRY(config.validate());
  return config;
}

Json VmConfig::to_json() const {
  Json json = Json::object({{"version", kConfigVersion},
                            {"os", to_string(os)},
                            {"arch", to_string(arch)},
                            {"cpu", cpus},
                            {"memoryGB", memory_gb},
                            {"diskGB", disk_gb},
                            {"boot", to_string(boot)},
                            {"network", to_string(network)},
                            {"mac", mac},
                            {"machineId", machine_id},
                            {"image", image},
                            {"imageDigest", image_digest},
                            {"rootDisk", root_disk},
                            {"machineType", machine_type},
                            {"createdAt", created_at}});
  if (new_identity) json.set("newIdentity", true);
  if (!user.name.empty()) {
    Json keys = Json::array();
    for (const auto& key : user.ssh_keys) keys.push_back(key);
    json.set("user", Json::object({{"name", user.name},
                                   {"passwordHash", user.password_hash},
                                   {"sshKeys", std::move(keys)},
                                   {"admin", user.admin}}));
  }
  if (!forwards.empty()) {
    Json list = Json::array();
    for (const auto& f : forwards) {
      list.push_back(Json::object({{"host", f.host_address},
                                   {"hostPort", unsigned{f.host_port}},
                                   {"guestPort", unsigned{f.guest_port}}}));
    }
    json.set("forwards", std::move(list));
  }
  for (const auto& [name, value] : unknown.members()) json.set(name, value);
  return json;
}

Result<void> VmConfig::validate() const {
  if (cpus < 1 || cpus > 256) return wrong("cpu", "1 to 256");
  if (memory_gb < 1 || memory_gb > 512) return wrong("memoryGB", "1 to 512");
  if (disk_gb < 1 || disk_gb > 16384) return wrong("diskGB", "1 to 16384");
  if (!mac.empty() && !is_mac(mac)) return wrong("mac", "six pairs of lower-case hex digits with colons");
  if (!machine_id.empty() && !is_object_id(machine_id)) return wrong("machineId", "32 lower-case hex digits");
  if (!root_disk.empty() && !is_object_id(root_disk)) return wrong("rootDisk", "32 lower-case hex digits");
  // It becomes a part of the engine's command line.
  if (machine_type.find_first_not_of(kMachineTypeChars) != std::string::npos || machine_type.size() > 64) {
    return wrong("machineType", "a versioned machine type, such as pc-q35-7.2");
  }
  return {};
}

std::string random_mac() {
  const std::string bytes = hex_encode(random_bytes(3));
  return "52:54:00:" + bytes.substr(0, 2) + ":" + bytes.substr(2, 2) + ":" + bytes.substr(4, 2);
}

}  // namespace cove
