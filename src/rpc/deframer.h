// Deframer: cuts the bytes of a stream into gRPC messages. Bytes may come in any pieces and from anyone; a
// length is checked before memory is taken for it. Owned by a Stream; not synchronised.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::rpc {

constexpr std::size_t kPrefixSize = 5;  // compressed flag, 32-bit big-endian length

std::array<char, kPrefixSize> message_prefix(std::size_t size);

class Deframer final {
 public:
  explicit Deframer(std::size_t max_message) : max_message_(max_message) {}
  // Adds the messages that `bytes` completes. kResourceExhausted: a message is too large; kUnimplemented: it
  // is compressed; after an error the stream cannot be read on.
  Result<void> feed(std::string_view bytes, std::vector<std::string>& messages);
  // Bytes held of a message that is not complete, its prefix included; 0 between messages.
  std::size_t pending() const { return prefix_size_ + body_.size(); }
  // Size of the message that is under way, 0 while unknown.
  std::size_t expected() const { return expected_; }

 private:
  Result<void> read_prefix();

  std::size_t max_message_;
  std::array<char, kPrefixSize> prefix_{};
  std::size_t prefix_size_ = 0;
  std::size_t expected_ = 0;
  std::string body_;
};

}  // namespace cove::rpc
