#include "disk/sparse_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"

namespace cove {
namespace {

TEST(SparseCopyTest, VisitsDataOnlyAndGivesUpWhenCancelled) {
  const TempDir folder = TempDir::create(::testing::TempDir(), "sparse").value();
  const UniqueFd from = open_file(folder.path() / "from", O_RDWR | O_CREAT, 0600).value();
  ASSERT_EQ(::ftruncate(from.get(), 64 << 20), 0);
  ASSERT_EQ(::pwrite(from.get(), "data", 4, 32 << 20), 4);
  std::uint64_t visited = 0;
  ASSERT_TRUE(for_each_extent(from.get(), [&](std::uint64_t offset, std::uint64_t length) -> Result<void> {
                EXPECT_LE(offset, 32U << 20U);
                EXPECT_GT(offset + length, 32U << 20U);
                visited += length;
                return {};
              }).ok());
  EXPECT_GT(visited, 0U);
  EXPECT_LT(visited, 1U << 20U);

  const UniqueFd to = open_file(folder.path() / "to", O_RDWR | O_CREAT, 0600).value();
  CancelSource cancel;
  cancel.cancel();
  NoProgress progress;
  EXPECT_EQ(copy_sparse({cancel.token(), {}}, from.get(), to.get(), progress).error().code(),
            Code::kCancelled);
  ASSERT_TRUE(copy_sparse({}, from.get(), to.get(), progress).ok());
  std::string copied(4, '\0');
  ASSERT_EQ(::pread(to.get(), copied.data(), 4, 32 << 20), 4);
  EXPECT_EQ(copied, "data");
}

}  // namespace
}  // namespace cove
