#include "format/page_index.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cove {
namespace {

const std::string kLayerA(32, 'a');
const std::string kLayerB = "0123456789abcdef0123456789abcdef";

PageIndex sample_index() {
  return {.memory_bytes = std::uint64_t{1} << 30U,
          .layers = {kLayerA, kLayerB},
          .pages = {{.page = 0, .slot = 7, .layer = 1, .checksum = Checksum128::of("zero")},
                    {.page = 5, .checksum = Checksum128::of("five")},
                    {.page = 262143, .slot = 0, .layer = 0, .checksum = Checksum128::of("last")}}};
}

// As if somebody had written exactly that: the checksum is made to fit.
std::string with_number(std::string bytes, std::size_t at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
  std::fill_n(bytes.begin() + 48, 16, '\0');
  const auto sum = Checksum128::of(bytes);
  for (unsigned i = 0; i < 8; ++i) bytes[48 + i] = static_cast<char>(sum.high >> (8 * i));
  for (unsigned i = 0; i < 8; ++i) bytes[56 + i] = static_cast<char>(sum.low >> (8 * i));
  return bytes;
}

std::string complaint(const std::string& bytes) {
  const auto parsed = parse_page_index(bytes);
  return parsed.ok() ? "none" : parsed.error().message();
}

TEST(PageIndex, IsReadAsItWasWritten) {
  const auto index = sample_index();
  const auto bytes = encode_page_index(index);
  EXPECT_EQ(bytes.size(), 64U + 2 * 16 + 3 * 32);
  const auto again = parse_page_index(bytes);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, index);
  const PageIndex nothing{.memory_bytes = 4096};
  EXPECT_EQ(*parse_page_index(encode_page_index(nothing)), nothing);
}

TEST(PageIndex, EveryFlippedBitAndEveryMissingByteIsSeen) {
  const auto bytes = encode_page_index(sample_index());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    EXPECT_FALSE(parse_page_index(flipped).ok()) << at;
    EXPECT_FALSE(parse_page_index(bytes.substr(0, at)).ok()) << at;
  }
  EXPECT_FALSE(parse_page_index(bytes + "x").ok());
}

TEST(PageIndex, ImpossibleContentIsRefusedEvenIfItsChecksumFits) {
  const auto bytes = encode_page_index(sample_index());
  ASSERT_EQ(complaint(with_number(bytes, 8, 1)), "none");
  const auto newer = parse_page_index(with_number(bytes, 8, 2));
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(complaint(with_number(bytes, 8, 0)), "page index: impossible version");
  EXPECT_EQ(complaint(with_number(bytes, 12, 8192)), "page index: impossible size of pages");
  EXPECT_EQ(complaint(with_number(bytes, 16, 1)), "page index: impossible size of memory");
  EXPECT_EQ(complaint(with_number(bytes, 24, 0xffffffff)), "page index: too many layers");
  EXPECT_EQ(complaint(with_number(bytes, 32, 0xffffffff)), "page index: more pages than memory has");
  EXPECT_EQ(complaint(with_number(bytes, 40, 1)), "page index: its reserved bytes are in use");
  constexpr std::size_t kFirstPage = 64 + 2 * 16;
  EXPECT_EQ(complaint(with_number(bytes, kFirstPage, 5)), "page index: pages out of order");
  EXPECT_EQ(complaint(with_number(bytes, kFirstPage + 64, 262144)), "page index: a page beyond the memory");
  EXPECT_EQ(complaint(with_number(bytes, kFirstPage + 8, 2)), "page index: a page of no layer");
  EXPECT_EQ(complaint(with_number(bytes, kFirstPage + 32 + 4, 3)), "page index: a page of no layer");
  EXPECT_EQ(complaint(with_number(bytes, kFirstPage + 12, 3)), "page index: its reserved bytes are in use");
}

}  // namespace
}  // namespace cove
