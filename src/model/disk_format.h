// DiskFormat: how a disk's file is laid out. A value.
#pragma once

#include <string_view>

namespace cove {

enum class DiskFormat : unsigned char { kRaw, kQcow2 };
std::string_view to_string(DiskFormat format);  // QEMU's names: "raw", "qcow2"

}  // namespace cove
