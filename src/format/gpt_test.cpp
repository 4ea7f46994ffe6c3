#include "format/gpt.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

constexpr std::uint64_t kSectors = 4194304;  // 2 GiB

GptLayout two_partitions() {
  GptLayout layout;
  layout.disk_id = random_guid();
  const Guid type = parse_guid("0fc63daf-8483-4772-8e79-3d69d8477de4").value();
  layout.partitions.push_back({0, {type, random_guid(), 2048, 133119, 0, gpt_name("esp")}});
  layout.partitions.push_back({1, {type, random_guid(), 133120, kSectors - 34, 1, gpt_name("root")}});
  return layout;
}

TEST(GptTest, GuidText) {
  const std::string text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
  const Guid guid = parse_guid(text).value();
  EXPECT_EQ(guid[0], 0x28);
  EXPECT_EQ(guid[15], 0x3b);
  EXPECT_EQ(to_string(guid), text);
  for (const char* bad : {"", "c12a7328f81f11d2ba4b00a0c93ec93b", "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
                          "g12a7328-f81f-11d2-ba4b-00a0c93ec93b"}) {
    EXPECT_FALSE(parse_guid(bad).ok()) << bad;
  }
}

TEST(GptTest, ReadsWhatItWrites) {
  const GptLayout layout = two_partitions();
  const GptBytes bytes = encode_gpt(layout, kSectors).value();
  EXPECT_EQ(bytes.head.size(), kGptHeadSectors * kSectorBytes);
  EXPECT_EQ(bytes.tail.size(), kGptTailSectors * kSectorBytes);
  const GptLayout read = parse_gpt(bytes.head).value();
  EXPECT_EQ(read.table_end, kSectors - 1);
  EXPECT_EQ(read.disk_id, layout.disk_id);
  ASSERT_EQ(read.partitions.size(), 2U);
  EXPECT_EQ(read.partitions[1].second.id, layout.partitions[1].second.id);
  EXPECT_EQ(read.partitions[1].second.attributes, 1U);
  EXPECT_EQ(encode_gpt(read, kSectors).value().head, bytes.head);
}

TEST(GptTest, StretchesTheLastPartition) {
  GptLayout layout = parse_gpt(encode_gpt(two_partitions(), kSectors).value().head).value();
  EXPECT_EQ(stretch_last_partition(layout, kSectors).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(stretch_last_partition(layout, kSectors / 2).error().code(), Code::kOutOfRange);
  EXPECT_EQ(stretch_last_partition(layout, 10).error().code(), Code::kOutOfRange);
  EXPECT_EQ(stretch_last_partition(layout, kSectors * 32).value(), 1U);
  EXPECT_EQ(layout.partitions[1].second.last_sector, kSectors * 32 - 34);
  EXPECT_TRUE(encode_gpt(layout, kSectors * 32).ok());
}

TEST(GptTest, RefusesOverlapAndOverflow) {
  GptLayout layout = two_partitions();
  layout.partitions[1].second.first_sector = 133119;
  EXPECT_FALSE(encode_gpt(layout, kSectors).ok());
  EXPECT_FALSE(encode_gpt(two_partitions(), kSectors - 1).ok());
  EXPECT_FALSE(encode_gpt(two_partitions(), 3).ok());
}

TEST(GptTest, EveryDamagedByteOfTheTableIsNoticed) {
  const std::string good = encode_gpt(two_partitions(), kSectors).value().head;
  for (const std::size_t offset :
       {512U, 520U, 536U, 544U, 568U, 584U, 592U, 600U, 1024U, 1056U, 1200U, 17407U}) {
    std::string bytes = good;
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x40);
    EXPECT_EQ(parse_gpt(bytes).error().code(), Code::kDataLoss) << offset;
  }
  EXPECT_FALSE(parse_gpt(std::string_view(good).substr(0, 17000)).ok());
}

}  // namespace
}  // namespace cove
