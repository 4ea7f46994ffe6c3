// The disk of an image as a file: a partition table, an EFI system partition that boots the kernel by
// systemd-boot, and room for the root file system. No loop device, no mount, no privilege. Blocking.
#pragma once

#include <filesystem>
#include <string>

#include "base/cancel.h"
#include "model/vm_config.h"

namespace cove {

struct BootDiskPlan {
  Arch arch = host_arch();
  std::string root_guid;  // of the root partition
  std::uint64_t bytes = std::uint64_t{2} << 30U;
  std::uint64_t root_offset() const { return std::uint64_t{65} << 20U; }
  std::uint64_t root_bytes() const { return bytes - root_offset() - (std::uint64_t{1} << 20U); }
};

// A new sparse file with the two partitions; mode 0666 because the root file system is written by a process
// of another (mapped) user through a descriptor. Its folder keeps everybody else out.
Result<void> create_boot_disk(const std::filesystem::path& disk, const BootDiskPlan& plan);

struct EspContent {
  std::filesystem::path loader;  // systemd-boot*.efi
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string kernel_version;
  std::string command_line;
};
// Formats the EFI system partition and fills it, with mtools. `scratch` is for two small files.
Result<void> fill_esp(const OpContext& ctx, const std::filesystem::path& disk, const BootDiskPlan& plan,
                      const EspContent& content, const std::filesystem::path& scratch);

}  // namespace cove
