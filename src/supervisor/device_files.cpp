#include "supervisor/device_files.h"

namespace cove {
namespace {

constexpr std::size_t kHeadBytes = 8;
constexpr std::uint32_t kMaxVideoPages = (std::uint32_t{256} << 20U) / kGuestPageBytes;

void append_u32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xffU);
}

std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i)
    value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

}  // namespace

std::string encode_video(const std::vector<DeviceState::VideoPages>& video) {
  std::string out;
  for (const auto& run : video) {
    append_u32(out, run.first);
    append_u32(out, static_cast<std::uint32_t>(run.bytes.size() / kGuestPageBytes));
    out += run.bytes;
  }
  return out;
}

Result<std::vector<DeviceState::VideoPages>> parse_video(std::string_view bytes) {
  std::vector<DeviceState::VideoPages> video;
  while (!bytes.empty()) {
    if (bytes.size() < kHeadBytes) return Error(Code::kDataLoss, "video memory: cut short");
    const std::uint32_t first = u32_at(bytes, 0);
    const std::uint32_t count = u32_at(bytes, 4);
    bytes.remove_prefix(kHeadBytes);
    if (count == 0 || count > kMaxVideoPages || first > kMaxVideoPages - count)
      return Error(Code::kDataLoss, "video memory: pages that are none");
    const std::size_t length = count * kGuestPageBytes;
    if (bytes.size() < length) return Error(Code::kDataLoss, "video memory: cut short");
    video.push_back({first, std::string(bytes.substr(0, length))});
    bytes.remove_prefix(length);
  }
  return video;
}

}  // namespace cove
