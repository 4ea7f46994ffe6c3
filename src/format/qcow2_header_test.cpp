#include "format/qcow2_header.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

TEST(Qcow2HeaderTest, ReadsWhatItWrites) {
  const Qcow2Layout layout = encode_qcow2(64 * kGiB, "/images/base.raw", "raw").value();
  EXPECT_GT(layout.file_bytes, layout.head.size());
  const Qcow2Header header = parse_qcow2_header(layout.head).value();
  EXPECT_EQ(header.virtual_bytes, 64 * kGiB);
  EXPECT_EQ(header.backing_file, "/images/base.raw");
  EXPECT_EQ(header.backing_format, "raw");
  EXPECT_EQ(header.capacity_bytes(), kMaxDiskBytes);
}

TEST(Qcow2HeaderTest, LargestDiskFits) {
  const Qcow2Layout layout = encode_qcow2(kMaxDiskBytes, {}, {}).value();
  EXPECT_EQ(parse_qcow2_header(layout.head).value().virtual_bytes, kMaxDiskBytes);
  EXPECT_TRUE(parse_qcow2_header(layout.head).value().backing_file.empty());
}

TEST(Qcow2HeaderTest, RefusesImpossibleSizes) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{513}, kMaxDiskBytes + 512}) {
    EXPECT_EQ(encode_qcow2(bytes, {}, {}).error().code(), Code::kInvalidArgument) << bytes;
  }
  EXPECT_EQ(encode_qcow2(kGiB, std::string(1024, 'x'), "raw").error().code(), Code::kInvalidArgument);
}

TEST(Qcow2HeaderTest, RefusesDamage) {
  const std::string good = encode_qcow2(kGiB, "/base", "raw").value().head;
  struct Damage {
    std::size_t offset;
    char value;
    const char* said;
  };
  for (const Damage& damage :
       {Damage{0, 'X', "not a qcow2"}, Damage{7, 4, "version"}, Damage{23, 40, "cluster size"},
        Damage{24, 1, "16 TiB"}, Damage{36, 127, "L1 size"}, Damage{47, 1, "not at a cluster"},
        Damage{10, 1, "backing"}, Damage{18, 127, "backing"}, Damage{103, 1, "header length"},
        Damage{108, 127, "extension"}}) {
    std::string bytes = good;
    bytes[damage.offset] = damage.value;
    const auto header = parse_qcow2_header(bytes);
    ASSERT_FALSE(header.ok()) << damage.said;
    EXPECT_EQ(header.error().code(), Code::kDataLoss);
    EXPECT_NE(header.error().message().find(damage.said), std::string::npos) << header.error().message();
  }
  std::string encrypted = good;
  encrypted[35] = 1;
  EXPECT_EQ(parse_qcow2_header(encrypted).error().code(), Code::kUnimplemented);
  for (const std::size_t length : {0U, 4U, 71U, 103U}) {
    EXPECT_FALSE(parse_qcow2_header(std::string_view(good).substr(0, length)).ok());
  }
}

}  // namespace
}  // namespace cove
