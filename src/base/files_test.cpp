#include "base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file_lock.h"
#include "base/io.h"
#include "base/process.h"

namespace cove {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  TempDir temp_ = std::move(TempDir::create("/tmp", "cove-files-")).value();
  std::filesystem::path path(const char* name) const { return temp_.path() / name; }
};

TEST_F(FilesTest, AtomicWriteReplacesContentAndModeAndLeavesNoTemporary) {
  ASSERT_TRUE(write_file_atomic(path("f"), "old", 0644).ok());
  ASSERT_TRUE(write_file_atomic(path("f"), "new", 0600).ok());
  EXPECT_EQ(*read_file(path("f")), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path("f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(list_directory(temp_.path())->size(), 1U);
}

TEST_F(FilesTest, AFailedWriteKeepsTheOldFile) {
  ASSERT_TRUE(write_file_atomic(path("f"), "old").ok());
  ASSERT_TRUE(make_directories(path("d")).ok());
  EXPECT_FALSE(write_file_atomic(path("d"), "x").ok()) << "cannot replace a folder";
  EXPECT_FALSE(write_file_atomic(path("missing") / "f", "x").ok());
  EXPECT_EQ(*read_file(path("f")), "old");
  EXPECT_EQ(list_directory(temp_.path())->size(), 2U);
}

TEST_F(FilesTest, ReadHasALimitAndNamesTheFile) {
  ASSERT_TRUE(write_file_atomic(path("f"), std::string(1000, 'x')).ok());
  EXPECT_EQ(read_file(path("f"), 999).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(read_file("/proc/self/status", 10).error().code(), Code::kResourceExhausted);
  const auto missing = read_file(path("none"));
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_NE(missing.error().message().find("none"), std::string::npos);
}

TEST_F(FilesTest, RemoveTreeDoesNotFollowLinks) {
  ASSERT_TRUE(make_directories(path("keep")).ok());
  ASSERT_TRUE(write_file_atomic(path("keep") / "f", "x").ok());
  ASSERT_TRUE(make_directories(path("gone")).ok());
  std::error_code error;
  std::filesystem::create_directory_symlink(path("keep"), path("gone") / "link", error);
  ASSERT_FALSE(error);
  ASSERT_TRUE(remove_tree(path("gone")).ok());
  EXPECT_FALSE(path_exists(path("gone")));
  EXPECT_TRUE(path_exists(path("keep") / "f"));
  EXPECT_TRUE(remove_tree(path("gone")).ok()) << "a missing tree is fine";
}

TEST_F(FilesTest, FreeSpaceLooksAtTheNearestExistingParent) {
  EXPECT_GT(*free_space(path("not") / "there" / "yet"), 0U);
}

TEST_F(FilesTest, ALockIsExclusiveNamesItsHolderAndDiesWithIt) {
  {
    auto held = FileLock::acquire(path("lock"), "me");
    ASSERT_TRUE(held.ok());
    EXPECT_EQ(FileLock::acquire(path("lock"), "you").error().code(), Code::kFailedPrecondition);
    EXPECT_EQ(FileLock::holder(path("lock"))->value(), "me");
    ASSERT_TRUE(held->set_note("still me").ok());
    EXPECT_EQ(FileLock::holder(path("lock"))->value(), "still me");
    const OpContext soon{{}, Deadline::after(std::chrono::milliseconds(30))};
    EXPECT_FALSE(FileLock::acquire_waiting(soon, path("lock"), "you").ok());
  }
  EXPECT_FALSE(FileLock::holder(path("lock"))->has_value());
  EXPECT_FALSE(FileLock::holder(path("never made"))->has_value());
  EXPECT_TRUE(FileLock::acquire(path("lock"), "you").ok());
}

TEST_F(FilesTest, AChildDoesNotInheritALock) {
  auto held = FileLock::acquire(path("lock"), "me");
  SpawnOptions options;
  options.argv = {"sleep", "100"};
  auto child = Process::spawn(options);
  ASSERT_TRUE(child.ok());
  { const FileLock dropped = std::move(held).value(); }
  EXPECT_FALSE(FileLock::holder(path("lock"))->has_value());
}

}  // namespace
}  // namespace cove
