// Against the tables that sgdisk makes, and judged by it.
#include "agentd/gpt.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "base/process.h"

namespace cove::agentd {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
// By its path: the PATH of an ordinary user has no sbin.
const std::string kSgdisk = "/usr/sbin/sgdisk";

class Gpt : public ::testing::Test {
 protected:
  void make(const std::vector<std::string>& partitions) {
    fd_ = open_file(image_, O_RDWR | O_CREAT, 0600).value();
    resize(32 * kMiB);
    std::vector<std::string> argv = {kSgdisk};
    for (const auto& partition : partitions) argv.insert(argv.end(), {"-n", partition});
    sgdisk(std::move(argv));
  }
  void resize(std::uint64_t bytes) {
    bytes_ = bytes;
    ASSERT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(bytes)), 0);
  }
  std::string sgdisk(std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    options.argv.push_back(image_);
    const auto output = run_command({CancelToken(), Deadline::after(std::chrono::seconds(60))}, options);
    EXPECT_TRUE(output.ok() && output->status.success()) << "sgdisk (package gdisk) is needed";
    return output.ok() ? output->out + output->err : std::string();
  }
  Result<PartitionExtent> grow(std::uint32_t number) {
    return grow_gpt_partition({}, {fd_.get(), bytes_, 512}, number);
  }

  TempDir dir_ = TempDir::create("/tmp", "cove-gpt").value();
  std::string image_ = dir_.path() / "disk.img";
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
};

TEST_F(Gpt, LastPartitionReachesTheNewEnd) {
  make({"15:1M:+4M", "1:6M:0"});
  resize(100 * kMiB);
  const auto extent = grow(1);
  ASSERT_TRUE(extent.ok()) << extent.error().message();
  EXPECT_EQ(extent->change, PartitionExtent::Change::kGrown);
  EXPECT_EQ(extent->start_bytes, 6 * kMiB);
  EXPECT_EQ(extent->length_bytes, 93 * kMiB);  // up to the last whole MiB before the backup table
  const std::string verdict = sgdisk({kSgdisk, "-v"});
  EXPECT_NE(verdict.find("No problems found"), std::string::npos) << verdict;
  const auto again = grow(1);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->change, PartitionExtent::Change::kNone);
  EXPECT_EQ(again->length_bytes, 93 * kMiB);
}

TEST_F(Gpt, RefusesWhatItCannotGrow) {
  make({"1:1M:+4M", "2:6M:+4M"});
  resize(100 * kMiB);
  EXPECT_EQ(grow(1).error().message(), "another partition stands behind the one to grow");
  EXPECT_EQ(grow(3).error().message(), "no partition 3");
  EXPECT_EQ(grow(0).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(grow(4000).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(grow(2).ok());
}

TEST_F(Gpt, RefusesAPartitionBeyondTheDisk) {
  make({"1:6M:0"});
  resize(6 * kMiB);
  EXPECT_EQ(grow(1).error().message(), "partition 1 reaches beyond the disk");
}

TEST_F(Gpt, RefusesADamagedTable) {
  make({"1:1M:0"});
  resize(100 * kMiB);
  for (const off_t at : {512 + 0, 512 + 16, 512 + 30, 512 + 88, 1024 + 33}) {
    char byte = 0;
    ASSERT_EQ(::pread(fd_.get(), &byte, 1, at), 1);
    const char other = static_cast<char>(byte ^ 0x40);
    ASSERT_EQ(::pwrite(fd_.get(), &other, 1, at), 1);
    EXPECT_EQ(grow(1).error().message(), "the disk has no valid GUID partition table") << at;
    ASSERT_EQ(::pwrite(fd_.get(), &byte, 1, at), 1);
  }
  resize(600);
  EXPECT_FALSE(grow(1).ok());
}

TEST(Crc32, KnownValue) { EXPECT_EQ(crc32("123456789"), 0xcbf43926U); }

}  // namespace
}  // namespace cove::agentd
