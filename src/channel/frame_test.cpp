#include "channel/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cove {
namespace {

void feed(FrameDecoder& decoder, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto room = decoder.space();
    const std::size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    decoder.commit(count);
    bytes.remove_prefix(count);
  }
}

std::string frame_bytes(std::string_view payload) {
  ByteQueue out;
  append_frame(out, {FrameKind::kData, 7, 1024, 0xdeadbeef, payload});
  return std::string(out.view());
}

std::string preamble() {
  ByteQueue out;
  append_preamble(out);
  return std::string(out.view());
}

TEST(Frame, ComesBackWholeFromAnySplit) {
  const std::string bytes = frame_bytes("hello");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    FrameDecoder decoder;
    feed(decoder, bytes.substr(0, cut));
    if (cut < bytes.size()) {
      ASSERT_FALSE(decoder.next().has_value()) << cut;
    }
    feed(decoder, bytes.substr(cut));
    const auto frame = decoder.next();
    ASSERT_TRUE(frame.has_value()) << cut;
    EXPECT_EQ(frame->payload, "hello");
    EXPECT_EQ(frame->channel, 1024);
    EXPECT_EQ(frame->generation, 7);
    EXPECT_EQ(frame->epoch, 0xdeadbeefU);
    EXPECT_FALSE(decoder.next().has_value());
    EXPECT_EQ(decoder.skipped_bytes(), 0U);
  }
}

// A frame cut at any byte, then the preamble: no payload of the cut frame appears, and the next frame does.
TEST(Frame, CutAtEveryByteIsDroppedAndTheNextOneFound) {
  const std::string payload = std::string(300, '\0') + "CVL\x01" + std::string(40, 'x');
  const std::string bytes = frame_bytes(payload);
  const std::string zeros = preamble();
  const std::string good = frame_bytes("good");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    FrameDecoder decoder;
    feed(decoder, bytes.substr(0, cut) + zeros + good);
    const auto frame = decoder.next();
    ASSERT_TRUE(frame.has_value()) << cut;
    EXPECT_EQ(frame->payload, "good") << cut;
    EXPECT_FALSE(decoder.next().has_value());
  }
}

TEST(Frame, StartingInTheMiddleFindsTheNextFrame) {
  const std::string bytes = frame_bytes(std::string(1000, 'C'));
  const std::string good = frame_bytes("good");
  for (std::size_t from = 1; from < bytes.size(); ++from) {
    FrameDecoder decoder;
    feed(decoder, bytes.substr(from) + good);
    const auto frame = decoder.next();
    ASSERT_TRUE(frame.has_value()) << from;
    EXPECT_EQ(frame->payload, "good");
  }
}

TEST(Frame, RefusesLengthsAndKindsOutOfRange) {
  const std::string good = frame_bytes("good");
  std::string long_one = frame_bytes("x");
  put_u32(long_one.data() + 12, kMaxPayloadBytes + 1);
  std::string odd_kind = frame_bytes("x");
  odd_kind[10] = 99;
  FrameDecoder decoder;
  feed(decoder, long_one + odd_kind + good);
  const auto frame = decoder.next();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->payload, "good");
  EXPECT_EQ(decoder.skipped_bytes(), long_one.size() + odd_kind.size());
}

TEST(Frame, LargestPayloadFits) {
  const std::string payload(kMaxPayloadBytes, 'p');
  FrameDecoder decoder;
  for (int i = 0; i < 20; ++i) {
    feed(decoder, frame_bytes(payload));
    const auto frame = decoder.next();
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->payload, payload);
  }
}

TEST(Frame, HelloNeedsItsExactSize) {
  EXPECT_FALSE(parse_hello("").has_value());
  EXPECT_FALSE(parse_hello(std::string(HelloPayload::kBytes + 1, '\0')).has_value());
  ByteQueue out;
  append_hello(out, 5, {.window = 99});
  FrameDecoder decoder;
  feed(decoder, out.view());
  const auto hello = parse_hello(decoder.next()->payload);
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->version, 1U);
  EXPECT_EQ(hello->window, 99U);
}

}  // namespace
}  // namespace cove
