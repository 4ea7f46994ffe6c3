// VmConfig: what a VM shall be; the content of config.json. A value: parsed, checked, printed; no I/O here.
// Unknown members of the file survive a rewrite. Units: bytes, except where the file's key says GB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace cove {

enum class GuestOs : unsigned char { kLinux, kMacos };
enum class Arch : unsigned char { kX86_64, kAarch64 };
enum class BootMode : unsigned char { kKernel, kUefi };  // direct kernel (faster) or firmware
enum class NetworkMode : unsigned char { kNat, kNone };  // nat = the user network

std::string_view to_string(GuestOs os);
std::string_view to_string(Arch arch);
std::string_view to_string(BootMode mode);
std::string_view to_string(NetworkMode mode);
std::optional<Arch> arch_from(std::string_view text);
Arch host_arch();  // of the machine this was compiled for

// A host TCP port that leads into the guest. host_port 0: any free one.
struct PortForward {
  std::string host_address = "127.0.0.1";
  std::uint16_t host_port = 0;
  std::uint16_t guest_port = 0;
  friend bool operator==(const PortForward&, const PortForward&) = default;
};

// Who is to be there when the VM is first used. Hashes only: clear passwords never reach a file.
struct UserConfig {
  std::string name;           // empty: no user is provisioned
  std::string password_hash;  // crypt(3) string; empty: locked for passwords
  std::vector<std::string> ssh_keys;
  bool admin = true;
  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

struct VmConfig {
  std::uint32_t cpus = 2;
  std::uint64_t memory_gb = 4;  // key memoryGB
  std::uint64_t disk_gb = 64;   // key diskGB: virtual size of the root disk
  GuestOs os = GuestOs::kLinux;
  Arch arch = host_arch();
  BootMode boot = BootMode::kKernel;
  NetworkMode network = NetworkMode::kNat;
  std::string mac;           // "52:54:00:..", made at creation, unique per VM
  std::string machine_id;    // 32 hex digits, the guest's /etc/machine-id
  std::string image;         // "debian:12"
  std::string image_digest;  // "sha256:..." of the image the root disk overlays
  std::string root_disk;     // id of the root disk's node in store/disk
  std::string machine_type;  // versioned, e.g. "pc-q35-7.2"; pinned at the first start; empty before
  UserConfig user;
  std::vector<PortForward> forwards;
  std::string created_at;     // RFC 3339 UTC
  bool new_identity = false;  // key newIdentity: its disk is another VM's; the guest is to be told who it is
  Json unknown = Json::object();  // members this version does not know

  // kInvalidArgument names the member. kFailedPrecondition: written by a newer cove.
  static Result<VmConfig> from_json(const Json& json);
  Json to_json() const;
  // Bounds: cpu 1..256, memory 1..512 GB, disk 1..16384 GB, MAC and ids well-formed.
  Result<void> validate() const;
  std::uint64_t memory_bytes() const { return memory_gb << 30U; }
  std::uint64_t disk_bytes() const { return disk_gb << 30U; }
};

// A locally administered MAC in QEMU's range 52:54:00.
std::string random_mac();

}  // namespace cove
