#include "catalog/debian_builder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/files.h"
#include "catalog/boot_disk.h"
#include "catalog/bootstrap.h"
#include "catalog/guest_files.h"
#include "format/gpt.h"

namespace cove {
namespace {

class DebianBuilderTest : public ::testing::Test {
 protected:
  TempDir folder_ = TempDir::create(::testing::TempDir(), "builder").value();
  DebianBuildOptions options(std::string_view ref) const {
    DebianBuildOptions options;
    options.ref = ImageRef::parse(ref).value();
    options.home = folder_.path() / "home";
    options.agent = options.agent_unit = options.initrd_program = folder_.path() / "program";
    options.temporary = folder_.path();
    options.environment = {"PATH=/usr/bin:/bin"};
    options.apt_config = folder_.path() / "apt";
    EXPECT_TRUE(write_file_atomic(folder_.path() / "program", "program").ok());
    return options;
  }
};

TEST_F(DebianBuilderTest, UnknownImageIsRefused) {
  NoProgress progress;
  EXPECT_EQ(DebianBuilder(options("debian:99")).build({}, progress).error().code(), Code::kNotFound);
}

TEST_F(DebianBuilderTest, HostWithoutSourcesIsToldAndNothingIsLeft) {
  NoProgress progress;
  const auto image = DebianBuilder(options("debian:12")).build({}, progress);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code(), Code::kNotFound);
  EXPECT_NE(image.error().message().find("no package sources"), std::string::npos) << image.error().message();
  EXPECT_EQ(list_directory(folder_.path() / "home/cache/images").value(),
            (std::vector<std::string>{"debian-12.lock", "refs"}));
}

TEST_F(DebianBuilderTest, CancelEndsTheChildAndIsTold) {
  CancelSource cancel;
  NoProgress progress;
  const UniqueFd disk = open_file(folder_.path() / "disk", O_RDWR | O_CREAT, 0600).value();
  BootstrapJob job{{"sleep", "1000"}, {"PATH=/usr/bin:/bin"}, folder_.path(), disk.get()};
  cancel.cancel();
  EXPECT_EQ(run_bootstrap({cancel.token(), {}}, job, progress).error().code(), Code::kCancelled);
}

TEST_F(DebianBuilderTest, PhasesAndFailureOfTheChildAreTold) {
  class Steps final : public Progress {
   public:
    void step(std::string_view what) override { steps.emplace_back(what); }
    void amount(std::uint64_t, std::uint64_t) override {}
    std::vector<std::string> steps;
  } progress;
  const UniqueFd disk = open_file(folder_.path() / "disk", O_RDWR | O_CREAT, 0600).value();
  const BootstrapJob job{
      {"sh", "-c",
       "echo 'I: running apt-get update...' >&2; echo 'E: Failed to fetch http://m/x' >&2; exit 3"},
      {"PATH=/usr/bin:/bin"},
      folder_.path(),
      disk.get()};
  const auto result = run_bootstrap({}, job, progress);
  EXPECT_EQ(progress.steps, std::vector<std::string>{"reading package lists"});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kUnavailable);
  EXPECT_NE(result.error().message().find("Failed to fetch http://m/x"), std::string::npos);
  EXPECT_FALSE(result.error().hint_text().empty());
}

TEST(BootstrapFailureTest, OurOwnHookLinesAreNoEvidence) {
  const Error error =
      bootstrap_failure("exit status 1", {"I: running --customize-hook in shell: unshare", "E: disk full"});
  EXPECT_EQ(error.code(), Code::kInternal);
  EXPECT_EQ(bootstrap_failure("exit status 1", {"E: newuidmap failed"}).code(), Code::kPermissionDenied);
  const Error nothing_picked =
      bootstrap_failure("exit status 1", {"E: unable to pick chroot mode automatically"});
  EXPECT_EQ(nothing_picked.code(), Code::kPermissionDenied);
  EXPECT_NE(nothing_picked.hint_text().find("apt install uidmap"), std::string::npos);
}

TEST(GuestFilesTest, PathsAreUniqueAndFitATar) {
  for (const GuestKernel kernel : {GuestKernel::kCloud, GuestKernel::kFull}) {
    GuestSettings settings;
    settings.kernel = kernel;
    const auto files = guest_files(settings);
    std::set<std::string> paths;
    for (const GuestFile& file : files) {
      EXPECT_TRUE(paths.insert(file.path).second) << file.path;
      EXPECT_FALSE(file.path.starts_with('/'));
    }
    EXPECT_EQ(tar_of(files).size() % 512, 0U);
  }
}

TEST(GuestFilesTest, ArchitecturesDifferInConsoleAndKernel) {
  GuestSettings arm;
  arm.arch = Arch::kAarch64;
  EXPECT_NE(guest_command_line(arm, "x").find("console=ttyAMA0"), std::string::npos);
  const auto packages = guest_packages(arm);
  EXPECT_NE(std::find(packages.begin(), packages.end(), "linux-image-cloud-arm64"), packages.end());
}

TEST_F(DebianBuilderTest, BootDiskHasTheTwoPartitions) {
  BootDiskPlan plan;
  plan.root_guid = to_string(random_guid());
  const auto path = folder_.path() / "disk.raw";
  ASSERT_TRUE(create_boot_disk(path, plan).ok());
  const UniqueFd fd = open_file(path, O_RDONLY).value();
  std::string head(kGptHeadSectors * kSectorBytes, '\0');
  ASSERT_EQ(::pread(fd.get(), head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  const GptLayout layout = parse_gpt(head).value();
  ASSERT_EQ(layout.partitions.size(), 2U);
  EXPECT_EQ(to_string(layout.partitions[1].second.id), plan.root_guid);
  EXPECT_EQ(layout.partitions[1].second.first_sector * kSectorBytes, plan.root_offset());
  EXPECT_GE((layout.partitions[1].second.last_sector + 1) * kSectorBytes,
            plan.root_offset() + plan.root_bytes());
}

}  // namespace
}  // namespace cove
