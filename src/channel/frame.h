// The frames of the agent link (docs/design/002-agent-link.md): header, payload, trailer, little-endian.
//   magic u32, epoch u32, channel u16, kind u8, generation u8, length u32, payload, trailer u32
// FrameDecoder finds frames in whatever bytes arrive: anything that is not a whole frame with its trailer is
// skipped, so a cut frame never yields a payload. Values of one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "channel/byte_queue.h"

namespace cove {

enum class FrameKind : std::uint8_t {
  kHello = 1,   // payload: HelloPayload; a new epoch, its answer, or a guest's announcement (epoch 0)
  kOpen = 2,    // payload: port u32
  kData = 3,    // payload: bytes
  kEnd = 4,     // no more data in this direction
  kClose = 5,   // no more data in this direction, and none is read any more
  kCredit = 6,  // payload: u32 more bytes may be sent
  kReset = 7,   // the channel is gone, with what was under way
};

constexpr std::size_t kFrameHeaderBytes = 16;
constexpr std::size_t kFrameTrailerBytes = 4;
constexpr std::size_t kMaxPayloadBytes = 32768;
constexpr std::size_t kMaxFrameBytes = kFrameHeaderBytes + kMaxPayloadBytes + kFrameTrailerBytes;

struct Frame {
  FrameKind kind = FrameKind::kReset;
  std::uint8_t generation = 0;  // tells one use of a channel number from the next
  std::uint16_t channel = 0;
  std::uint32_t epoch = 0;
  std::string_view payload;
};

struct HelloPayload {
  static constexpr std::size_t kBytes = 12;
  std::uint32_t version = 1;
  std::uint32_t max_payload = kMaxPayloadBytes;
  std::uint32_t window = 0;
};

void put_u32(char* at, std::uint32_t value);
std::uint32_t get_u32(const char* at);

// Appends a whole frame; payload at most kMaxPayloadBytes.
void append_frame(ByteQueue& out, const Frame& frame);
void append_hello(ByteQueue& out, std::uint32_t epoch, const HelloPayload& hello);
// kMaxFrameBytes zeros: ends whatever frame a reader believes to be in, without making it valid.
void append_preamble(ByteQueue& out);
// A DATA frame whose payload the caller reads in place: begin gives kMaxPayloadBytes of room at most, finish
// closes the frame (bytes > 0), or the caller appends nothing and forgets it.
std::span<char> begin_data_frame(ByteQueue& out, std::size_t max_bytes);
void finish_data_frame(ByteQueue& out, const Frame& frame, std::size_t bytes);

std::optional<HelloPayload> parse_hello(std::string_view payload);

class FrameDecoder {
 public:
  // Room for the next read, never empty as long as next() was called until it had nothing more.
  std::span<char> space();
  void commit(std::size_t bytes) { queue_.commit(bytes); }
  // The next whole frame; its payload is valid until space() is called. nullopt: more bytes are needed.
  std::optional<Frame> next();
  std::uint64_t skipped_bytes() const { return skipped_; }

 private:
  void skip(std::size_t bytes);
  ByteQueue queue_;
  std::uint64_t skipped_ = 0;
};

}  // namespace cove
