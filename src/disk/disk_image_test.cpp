#include "disk/disk_image.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/process.h"

namespace cove {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

class DiskImageTest : public ::testing::Test {
 protected:
  TempDir folder_ = TempDir::create(::testing::TempDir(), "disk").value();
  std::filesystem::path at(std::string_view name) const { return folder_.path() / name; }
  DiskImage raw_base(std::uint64_t bytes) const {
    return DiskImage::create(at("base.raw"), DiskFormat::kRaw, bytes).value();
  }
  static void put(const std::filesystem::path& path, std::uint64_t offset, std::string_view bytes) {
    const UniqueFd fd = open_file(path, O_RDWR).value();
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }
  // QEMU's own tool is the judge of what we write.
  static std::string run(std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    auto output = run_command({{}, Deadline::after(std::chrono::seconds(30))}, std::move(options));
    EXPECT_TRUE(output.ok()) << output.error().message();
    if (!output.ok()) return {};
    EXPECT_TRUE(output.value().status.success()) << output.value().out << output.value().err;
    EXPECT_EQ(output.value().out.find("verification failed"), std::string::npos) << output.value().out;
    return output.value().out;
  }
};

TEST_F(DiskImageTest, OverlayIsWhatQemuExpects) {
  const DiskImage base = raw_base(64 * kMiB);
  const DiskImage overlay = base.overlay_at(at("top"), 64 * kGiB).value();
  run({"qemu-img", "check", "-q", "-f", "qcow2", overlay.path()});
  const Json info = Json::parse(run({"qemu-img", "info", "--output=json", overlay.path()})).value();
  EXPECT_EQ(info.get("virtual-size").as_uint(), 64 * kGiB);
  EXPECT_EQ(info.get("full-backing-filename").as_string(), base.path().string());
  EXPECT_EQ(info.get("backing-filename-format").as_string(), "raw");
  const DiskInfo ours = overlay.info().value();
  EXPECT_EQ(ours.virtual_bytes, 64 * kGiB);
  EXPECT_EQ(ours.backing, base.path());
  EXPECT_LT(ours.allocated_bytes, kMiB);
}

TEST_F(DiskImageTest, OverlayTakesWritesAndLeavesItsBaseAlone) {
  const DiskImage base = raw_base(64 * kMiB);
  put(base.path(), 5 * kMiB, "h");
  const DiskImage overlay = base.overlay_at(at("top")).value();
  run({"qemu-io", "-f", "qcow2", "-c", "read -P 0x68 5M 1", "-c", "write -P 0x61 5M 64k", "-c",
       "read -P 0x61 5M 64k", overlay.path()});
  run({"qemu-img", "check", "-q", "-f", "qcow2", overlay.path()});
  run({"qemu-io", "-f", "raw", "-r", "-c", "read -P 0x68 5M 1", base.path()});
}

TEST_F(DiskImageTest, OverlayOfOverlayNamesItsFormat) {
  const DiskImage base = raw_base(8 * kMiB);
  const DiskImage middle = base.overlay_at(at("middle")).value();
  const DiskImage top = middle.overlay_at(at("top")).value();
  const DiskInfo info = top.info().value();
  EXPECT_EQ(info.backing, middle.path());
  EXPECT_EQ(info.backing_format, DiskFormat::kQcow2);
  run({"qemu-io", "-f", "qcow2", "-c", "read -P 0 0 8M", top.path()});
}

TEST_F(DiskImageTest, OverlaySmallerThanItsBaseIsRefused) {
  const auto overlay = raw_base(8 * kMiB).overlay_at(at("top"), 4 * kMiB);
  ASSERT_FALSE(overlay.ok());
  EXPECT_EQ(overlay.error().code(), Code::kOutOfRange);
  EXPECT_FALSE(path_exists(at("top")));
}

TEST_F(DiskImageTest, NothingIsOverwritten) {
  const DiskImage base = raw_base(8 * kMiB);
  EXPECT_EQ(DiskImage::create(base.path(), DiskFormat::kRaw, kMiB).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(base.overlay_at(base.path()).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(base.info().value().virtual_bytes, 8 * kMiB);
  EXPECT_EQ(list_directory(folder_.path()).value(), std::vector<std::string>{"base.raw"});
}

TEST_F(DiskImageTest, GrowKeepsTheContent) {
  const DiskImage base = raw_base(8 * kMiB);
  DiskImage overlay = base.overlay_at(at("top")).value();
  run({"qemu-io", "-f", "qcow2", "-c", "write -P 0x61 1M 64k", overlay.path()});
  ASSERT_TRUE(overlay.grow(16 * 1024 * kGiB).ok());
  run({"qemu-io", "-f", "qcow2", "-c", "read -P 0x61 1M 64k", "-c", "write -P 0x62 2G 64k", overlay.path()});
  run({"qemu-img", "check", "-q", "-f", "qcow2", overlay.path()});
  EXPECT_EQ(overlay.grow(kGiB).error().code(), Code::kOutOfRange);
}

TEST_F(DiskImageTest, GrowsWhatQemuMadeOnlyAsFarAsItsTablesReach) {
  run({"qemu-img", "create", "-q", "-f", "qcow2", at("theirs"), "100M"});
  DiskImage disk = DiskImage::open(at("theirs"), DiskFormat::kQcow2).value();
  EXPECT_TRUE(disk.grow(512 * kMiB).ok());
  const auto beyond = disk.grow(64 * kGiB);
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code(), Code::kOutOfRange);
  run({"qemu-img", "check", "-q", "-f", "qcow2", disk.path()});
}

TEST_F(DiskImageTest, CloneKeepsBytesAndHoles) {
  const DiskImage base = raw_base(512 * kMiB);
  put(base.path(), 300 * kMiB, "far away");
  NoProgress progress;
  const DiskImage copy = base.clone_to({}, at("copy.raw"), progress).value();
  run({"cmp", base.path(), copy.path()});
  EXPECT_LT(copy.info().value().allocated_bytes, kMiB);
}

TEST_F(DiskImageTest, FormatIsNeverGuessed) {
  const DiskImage base = raw_base(8 * kMiB);
  const DiskImage overlay = base.overlay_at(at("top")).value();
  EXPECT_EQ(DiskImage::open(overlay.path(), DiskFormat::kRaw).value().info().value().backing, std::nullopt);
  EXPECT_EQ(DiskImage::open(base.path(), DiskFormat::kQcow2).error().code(), Code::kDataLoss);
  EXPECT_EQ(DiskImage::open(at("missing"), DiskFormat::kRaw).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace cove
