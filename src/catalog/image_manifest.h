// ImageManifest: what an image in the cache is: manifest.json. A value; parsed with limits because it is a
// file.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "catalog/image_ref.h"
#include "model/vm_config.h"

namespace cove {

struct ImageManifest {
  ImageRef ref;
  std::string digest;  // "sha256:<64 hex>": over the disk, kernel and initrd; names the image's folder
  Arch arch = host_arch();
  std::string created_at;           // RFC 3339 UTC
  std::string kernel_version;       // "6.1.0-56-cloud-amd64"
  std::uint64_t disk_bytes = 0;     // virtual size of disk.raw = the smallest disk of a VM
  std::uint64_t content_bytes = 0;  // what the files take on the host
  // For direct kernel boot: root device, console, quiet. Add kernel_arguments() of the VM behind it.
  std::string command_line;
  // sha256 (hex) of the agent binary inside; another than the host's is told to the user.
  std::string agent_sha256;
  // sha256 (hex) of what the image was built from (packages, files, agent): same recipe = no rebuild.
  std::string recipe_sha256;

  static Result<ImageManifest> from_json(const Json& json);
  Json to_json() const;
};

// What one VM adds to the kernel command line: host name and machine id.
std::string kernel_arguments(std::string_view hostname, std::string_view machine_id);

}  // namespace cove
