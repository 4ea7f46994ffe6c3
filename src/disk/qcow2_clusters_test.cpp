#include "disk/qcow2_clusters.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/io.h"
#include "disk/chain_fixture.h"

namespace cove {
namespace {

using Kind = Qcow2Cluster::Kind;

class Qcow2ClustersTest : public ChainFixture {
 protected:
  std::filesystem::path at(const std::string& name) const { return home_.path() / name; }
  static void put_be64(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t value) {
    std::string bytes;
    for (unsigned i = 8; i > 0; --i) bytes.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xffU));
    const auto fd = open_file(path, O_RDWR).value();
    ASSERT_TRUE(pwrite_all(fd.get(), offset, bytes).ok());
  }
  static std::uint64_t be64(const std::filesystem::path& path, std::uint64_t offset) {
    char bytes[8] = {};
    const auto fd = open_file(path, O_RDONLY).value();
    EXPECT_EQ(pread_upto(fd.get(), offset, bytes).value(), 8U);
    std::uint64_t value = 0;
    for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
    return value;
  }
};

TEST_F(Qcow2ClustersTest, TellsWhatQemuWrote) {
  const auto id = nodes_.create_overlay(image_, 1024 * kMiB).value();
  change(id, {"write -q -P 1 65536 64k", "write -q -z 196608 64k", "write -q -P 2 600M 1"});
  const auto clusters = Qcow2Clusters::open(file(id)).value();
  EXPECT_EQ(clusters.tables(), 2U);
  const auto first = clusters.table(0).value();
  ASSERT_EQ(first.size(), kQcow2TableEntries);
  EXPECT_EQ(first[0].kind, Kind::kAbsent);
  EXPECT_EQ(first[1].kind, Kind::kData);
  EXPECT_EQ(first[3].kind, Kind::kZeros);
  char byte = 0;
  EXPECT_EQ(pread_upto(clusters.fd(), first[1].offset, std::span(&byte, 1)).value(), 1U);
  EXPECT_EQ(byte, 1);
  EXPECT_EQ(clusters.table(1).value()[(88 * kMiB) / kQcow2Cluster].kind, Kind::kData);
  EXPECT_TRUE(clusters.table(2).value().empty());
}

TEST_F(Qcow2ClustersTest, RefusesWhatItWouldReadWrongly) {
  run({"qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", at("small").string(), "8M"});
  EXPECT_EQ(Qcow2Clusters::open(at("small")).error().code(), Code::kUnimplemented);
  run({"qemu-img", "create", "-q", "-f", "qcow2", "-o", "extended_l2=on", at("sub").string(), "8M"});
  EXPECT_EQ(Qcow2Clusters::open(at("sub")).error().code(), Code::kUnimplemented);
  run({"qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", image_.path().string(),
       at("packed").string()});
  EXPECT_EQ(Qcow2Clusters::open(at("packed"))->table(0).error().code(), Code::kUnimplemented);
}

TEST_F(Qcow2ClustersTest, DamagedTablesAreSaidToBe) {
  const auto id = nodes_.create_overlay(image_, 0).value();
  change(id, {"write -q -P 1 0 64k"});
  const auto l1 = be64(file(id), 40);
  const auto table = be64(file(id), l1) & 0x00fffffffffffe00;
  put_be64(file(id), table, (std::uint64_t{1} << 63U) | 0x12000);
  EXPECT_EQ(Qcow2Clusters::open(file(id))->table(0).error().code(), Code::kDataLoss);
  for (const std::uint64_t wrong : {std::uint64_t{0x800}, std::uint64_t{1} << 40U}) {
    put_be64(file(id), l1, wrong);
    EXPECT_EQ(Qcow2Clusters::open(file(id))->table(0).error().code(), Code::kDataLoss);
  }
  put_be64(file(id), 72, 2);
  EXPECT_EQ(Qcow2Clusters::open(file(id)).error().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace cove
