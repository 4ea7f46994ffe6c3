#include "catalog/build_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/process.h"
#include "catalog/bootstrap.h"

namespace cove {
namespace {

namespace fs = std::filesystem;

class BuildFolderTest : public ::testing::Test {
 protected:
  TempDir parent_ = TempDir::create(::testing::TempDir(), "folders").value();
  const std::vector<std::string> environment_ = {"PATH=/usr/bin:/bin"};
  std::vector<std::string> names() const { return list_directory(parent_.path()).value(); }
  BuildFolder make() const { return BuildFolder::create(parent_.path(), environment_).value(); }
};

TEST_F(BuildFolderTest, IsRemovedWithWhatIsInItAndIsPassableForOthers) {
  {
    const BuildFolder folder = make();
    struct stat status {};
    ASSERT_EQ(::stat(folder.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0711U);
    ASSERT_TRUE(make_directories(folder.path() / "a/b").ok());
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(BuildFolderTest, AbandonedOnesGoAndLiveOnesAndOthersStay) {
  const BuildFolder live = make();
  const std::vector<std::string> stays = {live.path().filename().string(), "cove-buildings",
                                          "cove-build-file"};
  ASSERT_TRUE(make_directories(parent_.path() / "cove-build-killed/mmdebstrap.x").ok());
  ASSERT_TRUE(make_directories(parent_.path() / "cove-buildings").ok());
  ASSERT_TRUE(write_file_atomic(parent_.path() / "cove-build-file", "no folder").ok());
  fs::create_directory_symlink(parent_.path() / "cove-buildings", parent_.path() / "cove-build-link");
  BuildFolder::remove_abandoned(parent_.path(), environment_);
  EXPECT_FALSE(path_exists(parent_.path() / "cove-build-killed"));
  EXPECT_TRUE(path_exists(parent_.path() / "cove-build-link"));
  for (const auto& name : stays) EXPECT_TRUE(path_exists(parent_.path() / name)) << name;
}

// A builder that was killed leaves a mmdebstrap that still tidies up.
TEST_F(BuildFolderTest, AProgramThatInheritedTheLockKeepsItInUse) {
  std::optional<BuildFolder> folder(make());
  const std::string name = folder->path().filename().string();
  SpawnOptions options;
  options.argv = {"sleep", "1000"};
  options.descriptors = {{kLockDescriptor, folder->lock_fd()}};
  std::optional<Process> program(Process::spawn(options).value());
  const fs::path moved = parent_.path() / "moved";
  ASSERT_EQ(::rename(folder->path().c_str(), moved.c_str()), 0);
  folder.reset();  // our end of the lock; its folder is elsewhere now
  ASSERT_EQ(::rename(moved.c_str(), (parent_.path() / name).c_str()), 0);
  BuildFolder::remove_abandoned(parent_.path(), environment_);
  EXPECT_EQ(names(), std::vector<std::string>{name});
  program.reset();
  BuildFolder::remove_abandoned(parent_.path(), environment_);
  EXPECT_TRUE(names().empty());
}

// The last one of a process group goes only by SIGKILL, and the others' time is over.
TEST_F(BuildFolderTest, BootstrapThatHearsNothingIsKilledInTime) {
  const CancelSource cancel;
  NoProgress progress;
  const UniqueFd null = open_file("/dev/null", O_RDWR).value();
  BootstrapJob job{.argv = {"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"},
                   .environment = environment_,
                   .temporary = parent_.path(),
                   .disk_fd = null.get(),
                   .patience = {std::chrono::milliseconds(100), std::chrono::seconds(5)}};
  cancel.cancel();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run_bootstrap({cancel.token(), {}}, job, progress).error().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace cove
