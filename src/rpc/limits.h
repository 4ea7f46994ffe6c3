// Limits: what one side of a connection lets its peer do. Advertised in HTTP/2 SETTINGS and enforced locally.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cove::rpc {

struct Limits {
  // Largest message accepted and sent, without its 5-byte prefix. A larger one ends its call with
  // kResourceExhausted before memory is taken for it.
  std::size_t max_message = 16U << 20;
  // Bytes the peer may send ahead of the reader, per stream; memory held per stream is at most this plus one
  // message.
  std::uint32_t stream_window = 2U << 20;
  // Concurrent calls the peer may have open.
  std::uint32_t max_streams = 64;
  // All header names and values of one header block together.
  std::size_t max_header_bytes = 16U << 10;
};

}  // namespace cove::rpc
