#include "channel/frame.h"

#include <algorithm>

namespace cove {
namespace {

constexpr char kMagic[4] = {'C', 'V', 'L', '\x01'};
constexpr std::uint32_t kTrailer = 0x1e5d'c0f3U;
constexpr std::size_t kReadBytes = std::size_t{128} << 10U;

void put_u16(char* at, std::uint16_t value) {
  at[0] = static_cast<char>(value & 0xffU);
  at[1] = static_cast<char>(value >> 8U);
}

std::uint16_t get_u16(const char* at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(at[0]) |
                                    static_cast<unsigned>(static_cast<unsigned char>(at[1])) << 8U);
}

void put_header(char* at, const Frame& frame, std::size_t length) {
  std::memcpy(at, kMagic, sizeof kMagic);
  put_u32(at + 4, frame.epoch);
  put_u16(at + 8, frame.channel);
  at[10] = static_cast<char>(frame.kind);
  at[11] = static_cast<char>(frame.generation);
  put_u32(at + 12, static_cast<std::uint32_t>(length));
}

}  // namespace

void put_u32(char* at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (8U * i) & 0xffU);
}

std::uint32_t get_u32(const char* at) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])) << (8U * i);
  return value;
}

void append_frame(ByteQueue& out, const Frame& frame) {
  COVE_CHECK(frame.payload.size() <= kMaxPayloadBytes);
  out.ensure_space(kFrameHeaderBytes + frame.payload.size() + kFrameTrailerBytes);
  char* at = out.space().data();
  put_header(at, frame, frame.payload.size());
  if (!frame.payload.empty()) std::memcpy(at + kFrameHeaderBytes, frame.payload.data(), frame.payload.size());
  put_u32(at + kFrameHeaderBytes + frame.payload.size(), kTrailer);
  out.commit(kFrameHeaderBytes + frame.payload.size() + kFrameTrailerBytes);
}

void append_hello(ByteQueue& out, std::uint32_t epoch, const HelloPayload& hello) {
  char payload[HelloPayload::kBytes];
  put_u32(payload, hello.version);
  put_u32(payload + 4, hello.max_payload);
  put_u32(payload + 8, hello.window);
  append_frame(out, {.kind = FrameKind::kHello, .epoch = epoch, .payload = {payload, sizeof payload}});
}

void append_preamble(ByteQueue& out) {
  out.ensure_space(kMaxFrameBytes);
  std::memset(out.space().data(), 0, kMaxFrameBytes);
  out.commit(kMaxFrameBytes);
}

std::span<char> begin_data_frame(ByteQueue& out, std::size_t max_bytes) {
  const std::size_t room = std::min(max_bytes, kMaxPayloadBytes);
  out.ensure_space(kFrameHeaderBytes + room + kFrameTrailerBytes);
  return out.space().subspan(kFrameHeaderBytes, room);
}

void finish_data_frame(ByteQueue& out, const Frame& frame, std::size_t bytes) {
  char* at = out.space().data();
  put_header(at, frame, bytes);
  put_u32(at + kFrameHeaderBytes + bytes, kTrailer);
  out.commit(kFrameHeaderBytes + bytes + kFrameTrailerBytes);
}

std::optional<HelloPayload> parse_hello(std::string_view payload) {
  if (payload.size() != HelloPayload::kBytes) return std::nullopt;
  return HelloPayload{get_u32(payload.data()), get_u32(payload.data() + 4), get_u32(payload.data() + 8)};
}

std::span<char> FrameDecoder::space() {
  queue_.ensure_space(kReadBytes);
  return queue_.space();
}

void FrameDecoder::skip(std::size_t bytes) {
  skipped_ += bytes;
  queue_.consume(bytes);
}

std::optional<Frame> FrameDecoder::next() {
  for (;;) {
    const std::string_view bytes = queue_.view();
    if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
    if (std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
      const void* found = std::memchr(bytes.data() + 1, kMagic[0], bytes.size() - 1);
      skip(found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data())
                            : bytes.size());
      continue;
    }
    const auto kind = static_cast<std::uint8_t>(bytes[10]);
    const std::size_t length = get_u32(bytes.data() + 12);
    if (kind < static_cast<std::uint8_t>(FrameKind::kHello) ||
        kind > static_cast<std::uint8_t>(FrameKind::kReset) || length > kMaxPayloadBytes) {
      skip(1);
      continue;
    }
    const std::size_t whole = kFrameHeaderBytes + length + kFrameTrailerBytes;
    if (bytes.size() < whole) return std::nullopt;
    // Without its trailer the frame was cut short; what follows its header may hold the next one.
    if (get_u32(bytes.data() + kFrameHeaderBytes + length) != kTrailer) {
      skip(1);
      continue;
    }
    const Frame frame{static_cast<FrameKind>(kind), static_cast<std::uint8_t>(bytes[11]),
                      get_u16(bytes.data() + 8), get_u32(bytes.data() + 4),
                      bytes.substr(kFrameHeaderBytes, length)};
    queue_.consume(whole);
    return frame;
  }
}

}  // namespace cove
