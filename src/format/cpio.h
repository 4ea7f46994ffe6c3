// CpioWriter: archives in the "newc" form that Linux takes as an initial RAM disk. Builds in memory; a value.
// Everything belongs to root and has the time 0, so equal content gives equal bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cove {

class CpioWriter {
 public:
  void add_directory(std::string_view path, std::uint32_t mode = 0755);
  void add_file(std::string_view path, std::uint32_t mode, std::string_view content);
  void add_device(std::string_view path, std::uint32_t mode, std::uint32_t major, std::uint32_t minor);
  // The archive with its trailer, padded to 512 bytes. The writer is used up.
  std::string finish();

 private:
  struct Entry {
    std::string_view path;
    std::uint32_t mode = 0;
    std::string_view content;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
  };
  void add(const Entry& entry);
  std::string bytes_;
  std::uint32_t inode_ = 0;
};

}  // namespace cove
