// What an image holds beyond its packages: a table of files, most of them there so that a boot is short.
// Pure; the text is the image's recipe and part of its identity.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/vm_config.h"

namespace cove {

struct GuestFile {
  std::string path;      // without leading slash
  unsigned mode = 0644;  // of a file; ignored for a link
  std::string content;
  std::string link;  // not empty: a symbolic link to this
};

enum class GuestKernel : unsigned char { kCloud, kFull };

struct GuestSettings {
  Arch arch = host_arch();
  GuestKernel kernel = GuestKernel::kCloud;
  std::string apt_proxy;  // lines for apt.conf, empty: none
};

// Packages besides apt and the essential ones, sorted.
std::vector<std::string> guest_packages(const GuestSettings& settings);
std::vector<GuestFile> guest_files(const GuestSettings& settings);
// kSealPath is a shell script run inside the new system at last: forgets what must be each VM's own, packs
// the initial RAM disk, and leaves kernel, RAM disk, boot loader and the kernel's version in kSealOutput.
inline constexpr std::string_view kSealPath = "usr/lib/cove/seal";
inline constexpr std::string_view kSealOutput = "/var/tmp/cove-out";
// Kernel command line for direct boot, without what one VM adds.
std::string guest_command_line(const GuestSettings& settings, std::string_view root_guid);

// The files as a tar archive (ustar), everything root's. Paths of 100 bytes at most.
std::string tar_of(const std::vector<GuestFile>& files);

}  // namespace cove
