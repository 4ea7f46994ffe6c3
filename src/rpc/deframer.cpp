#include "rpc/deframer.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace cove::rpc {
namespace {

// Memory taken on the strength of a length alone; beyond it the buffer grows as bytes come.
constexpr std::size_t kTrustedReserve = 1U << 20;

}  // namespace

std::array<char, kPrefixSize> message_prefix(std::size_t size) {
  return {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

Result<void> Deframer::feed(std::string_view bytes, std::vector<std::string>& messages) {
  for (;;) {
    if (prefix_size_ < kPrefixSize) {
      const std::size_t take = std::min(bytes.size(), kPrefixSize - prefix_size_);
      std::copy_n(bytes.data(), take, prefix_.data() + prefix_size_);
      prefix_size_ += take;
      bytes.remove_prefix(take);
      if (prefix_size_ < kPrefixSize) return {};
      COVE_TRY(read_prefix());
    }
    const std::size_t take = std::min(bytes.size(), expected_ - body_.size());
    body_.append(bytes.data(), take);
    bytes.remove_prefix(take);
    if (body_.size() < expected_) return {};
    messages.push_back(std::move(body_));
    body_ = {};
    prefix_size_ = 0;
    expected_ = 0;
  }
}

Result<void> Deframer::read_prefix() {
  std::size_t size = 0;
  for (std::size_t i = 1; i < kPrefixSize; i++) size = size << 8 | static_cast<std::uint8_t>(prefix_[i]);
  if (prefix_[0] != 0)
    return Error(Code::kUnimplemented, "compressed messages are not supported (accepted: identity)");
  if (size > max_message_)
    return Error(Code::kResourceExhausted, "message of " + std::to_string(size) +
                                               " bytes exceeds the limit of " + std::to_string(max_message_));
  expected_ = size;
  body_.reserve(std::min(size, kTrustedReserve));
  return {};
}

}  // namespace cove::rpc
