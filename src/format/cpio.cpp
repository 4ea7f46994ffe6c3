#include "format/cpio.h"

#include <sys/stat.h>

#include <array>
#include <utility>

namespace cove {
namespace {

void append_hex(std::string& out, std::size_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned shift = 32; shift > 0; shift -= 4) out.push_back(kDigits[value >> (shift - 4) & 0xfU]);
}
void pad(std::string& out, std::size_t alignment) {
  out.append((alignment - out.size() % alignment) % alignment, '\0');
}

}  // namespace

void CpioWriter::add(const Entry& entry) {
  bytes_ += "070701";
  const std::array<std::size_t, 13> fields = {++inode_,
                                              entry.mode,
                                              0,
                                              0,
                                              1,
                                              0,
                                              entry.content.size(),
                                              0,
                                              0,
                                              entry.major,
                                              entry.minor,
                                              entry.path.size() + 1,
                                              0};
  for (const std::size_t field : fields) append_hex(bytes_, field);
  bytes_.append(entry.path).push_back('\0');
  pad(bytes_, 4);
  bytes_.append(entry.content);
  pad(bytes_, 4);
}

void CpioWriter::add_directory(std::string_view path, std::uint32_t mode) {
  add({.path = path, .mode = S_IFDIR | mode, .content = {}, .major = 0, .minor = 0});
}
void CpioWriter::add_file(std::string_view path, std::uint32_t mode, std::string_view content) {
  add({.path = path, .mode = S_IFREG | mode, .content = content, .major = 0, .minor = 0});
}
void CpioWriter::add_device(std::string_view path, std::uint32_t mode, std::uint32_t major,
                            std::uint32_t minor) {
  add({.path = path, .mode = S_IFCHR | mode, .content = {}, .major = major, .minor = minor});
}

std::string CpioWriter::finish() {
  add({.path = "TRAILER!!!", .mode = 0, .content = {}, .major = 0, .minor = 0});
  pad(bytes_, 512);
  return std::exchange(bytes_, {});
}

}  // namespace cove
