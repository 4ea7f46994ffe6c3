#include "format/checksum128.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

// The value of the reference implementation for no bytes, as printed by `xxh128sum < /dev/null`.
TEST(Checksum128, IsTheReferencesValue) {
  EXPECT_EQ(Checksum128::of("").to_hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(Checksum128, PiecesGiveTheSameAsTheWhole) {
  std::string bytes(300'000, 'x');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3U);
  for (const std::size_t piece : {1U, 7U, 240U, 4096U, 299'999U}) {
    Checksum128Stream stream;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      stream.update(std::string_view(bytes).substr(at, piece));
    EXPECT_EQ(stream.digest(), Checksum128::of(bytes)) << piece;
  }
}

TEST(Checksum128, IsReadAsItWasWritten) {
  const auto sum = Checksum128::of("cove");
  EXPECT_EQ(*Checksum128::from_hex(sum.to_hex()), sum);
  for (const char* wrong : {"", "99", "99AA06D3014798D86001C324468D497F", "99aa06d3014798d86001c324468d497",
                            "99aa06d3014798d86001c324468d497f0", "x9aa06d3014798d86001c324468d497f"}) {
    EXPECT_EQ(Checksum128::from_hex(wrong).error().code(), Code::kDataLoss) << wrong;
  }
}

}  // namespace
}  // namespace cove
