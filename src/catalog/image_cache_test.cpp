#include "catalog/image_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "disk/disk_nodes.h"

namespace cove {
namespace {

class ImageCacheTest : public ::testing::Test {
 protected:
  TempDir home_ = TempDir::create(::testing::TempDir(), "images").value();
  ImageCache cache_{home_.path()};
  const ImageRef ref_ = ImageRef::parse("debian:12").value();

  CachedImage publish(const ImageRef& ref, std::string_view kernel = "kernel") const {
    TempDir folder = cache_.scratch(ref).value();
    EXPECT_TRUE(DiskImage::create(folder.path() / "disk.raw", DiskFormat::kRaw, 4U << 20U).ok());
    EXPECT_TRUE(write_file_atomic(folder.path() / "vmlinuz", kernel).ok());
    EXPECT_TRUE(write_file_atomic(folder.path() / "initrd.img", "initrd").ok());
    ImageManifest manifest;
    manifest.ref = ref;
    manifest.disk_bytes = 4U << 20U;
    manifest.command_line = "root=/dev/vda2";
    auto published = cache_.publish({}, std::move(folder), std::move(manifest));
    EXPECT_TRUE(published.ok()) << published.error().message();
    return std::move(published).value();
  }
};

TEST_F(ImageCacheTest, EmptyCacheFindsNothing) {
  EXPECT_FALSE(cache_.find(ref_).value().has_value());
  EXPECT_TRUE(cache_.list().value().empty());
  EXPECT_EQ(cache_.remove(ref_).error().code(), Code::kNotFound);
  EXPECT_EQ(cache_.remove_unused().value(), 0U);
}

TEST_F(ImageCacheTest, PublishedImageIsFoundByNameAndDigest) {
  const CachedImage image = publish(ref_);
  EXPECT_EQ(cache_.find(ref_).value()->folder, image.folder);
  EXPECT_EQ(cache_.find_digest(image.manifest.digest).value()->manifest.ref, ref_);
  NoProgress progress;
  EXPECT_TRUE(cache_.verify({}, image, progress).ok());
  EXPECT_EQ(image.manifest.digest, "sha256:" + image.folder.filename().string());
}

TEST_F(ImageCacheTest, SameContentIsOneImage) {
  const CachedImage first = publish(ref_);
  const CachedImage second = publish(ref_);
  EXPECT_EQ(first.folder, second.folder);
  EXPECT_EQ(cache_.list().value().size(), 1U);
}

TEST_F(ImageCacheTest, RebuildMovesTheNameAndKeepsWhatDisksStandOn) {
  const CachedImage old = publish(ref_);
  const DiskNodes nodes(home_.path());
  const std::string disk = nodes.create_overlay(old.open_disk().value(), 8U << 20U).value();
  const CachedImage fresh = publish(ref_, "newer kernel");
  EXPECT_EQ(cache_.find(ref_).value()->folder, fresh.folder);
  EXPECT_EQ(cache_.remove_unused().value(), 0U);
  EXPECT_TRUE(cache_.find_digest(old.manifest.digest).value().has_value());
  ASSERT_TRUE(nodes.remove(disk).ok());
  EXPECT_GT(cache_.remove_unused().value(), 0U);
  EXPECT_FALSE(cache_.find_digest(old.manifest.digest).value().has_value());
  EXPECT_TRUE(cache_.find(ref_).value().has_value());
}

TEST_F(ImageCacheTest, ImageInUseIsNotRemoved) {
  const CachedImage image = publish(ref_);
  const DiskNodes nodes(home_.path());
  const std::string disk = nodes.create_overlay(image.open_disk().value(), 8U << 20U).value();
  EXPECT_EQ(cache_.remove(ref_).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(cache_.list().value().front().disk_users, std::vector<std::string>{disk});
  ASSERT_TRUE(nodes.remove(disk).ok());
  ASSERT_TRUE(cache_.remove(ref_).ok());
  EXPECT_TRUE(cache_.list().value().empty());
  EXPECT_FALSE(path_exists(image.folder));
}

TEST_F(ImageCacheTest, DamageIsNoticed) {
  const CachedImage image = publish(ref_);
  ASSERT_EQ(::chmod(image.disk().c_str(), 0600), 0);
  {
    const UniqueFd fd = open_file(image.disk(), O_RDWR).value();
    ASSERT_EQ(::pwrite(fd.get(), "x", 1, 3 << 20), 1);
  }
  NoProgress progress;
  EXPECT_EQ(cache_.verify({}, image, progress).error().code(), Code::kDataLoss);
  ASSERT_EQ(::truncate(image.disk().c_str(), 100), 0);
  EXPECT_EQ(cache_.find(ref_).error().code(), Code::kDataLoss);
}

TEST_F(ImageCacheTest, LeftoversOfKilledBuildsGoWithTheNextBuildOfTheirNameOnly) {
  const ImageRef longer = ImageRef::parse("debian:12-full").value();
  const std::filesystem::path ours = TempDir(cache_.scratch(ref_).value()).release();
  const std::filesystem::path theirs = TempDir(cache_.scratch(longer).value()).release();
  const std::filesystem::path half_name = home_.path() / "cache/images/refs/.debian-12.0123456789ab.tmp";
  ASSERT_TRUE(write_file_atomic(half_name, "half").ok());
  const FileLock other = cache_.lock_for_build({}, longer).value();
  EXPECT_TRUE(path_exists(ours));
  EXPECT_FALSE(path_exists(theirs));
  const std::filesystem::path live = TempDir(cache_.scratch(longer).value()).release();
  const FileLock lock = cache_.lock_for_build({}, ref_).value();
  EXPECT_TRUE(cache_.build_running(ref_).value());
  EXPECT_FALSE(path_exists(ours));
  EXPECT_FALSE(path_exists(half_name));
  EXPECT_TRUE(path_exists(live));
}

TEST_F(ImageCacheTest, SecondBuilderWaitsAndGivesUpInTime) {
  const FileLock lock = cache_.lock_for_build({}, ref_).value();
  const OpContext soon{{}, Deadline::after(std::chrono::milliseconds(20))};
  EXPECT_EQ(cache_.lock_for_build(soon, ref_).error().code(), Code::kDeadlineExceeded);
}

TEST(ImageRefTest, Parse) {
  EXPECT_EQ(ImageRef::parse("debian:12-full").value().str(), "debian:12-full");
  EXPECT_EQ(ImageRef::parse("debian").value().str(), "debian:12");
  for (const char* bad : {"", ":", "debian:", "../x:12", "Debian:12", "a:b:c", "debian:.."}) {
    EXPECT_FALSE(ImageRef::parse(bad).ok()) << bad;
  }
}

TEST(ImageManifestTest, RoundTripAndRefusals) {
  ImageManifest manifest;
  manifest.ref = ImageRef::parse("debian:12").value();
  manifest.digest = "sha256:" + std::string(64, 'a');
  manifest.disk_bytes = 1;
  manifest.command_line = "quiet";
  const Json json = manifest.to_json();
  EXPECT_EQ(ImageManifest::from_json(json).value().to_json(), json);
  for (const char* member : {"version", "name", "digest", "arch", "disk_bytes", "command_line"}) {
    Json damaged = json;
    damaged.erase(member);
    EXPECT_FALSE(ImageManifest::from_json(damaged).ok()) << member;
  }
  Json newer = json;
  newer.set("version", 2);
  EXPECT_EQ(ImageManifest::from_json(newer).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(kernel_arguments("web", "0123"), "systemd.hostname=web systemd.machine_id=0123");
}

}  // namespace
}  // namespace cove
