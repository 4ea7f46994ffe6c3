#include "disk/disk_nodes.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace cove {
namespace {

class DiskNodesTest : public ::testing::Test {
 protected:
  TempDir home_ = TempDir::create(::testing::TempDir(), "nodes").value();
  DiskNodes nodes_{home_.path()};
  DiskImage base_ = DiskImage::create(home_.path() / "base.raw", DiskFormat::kRaw, 1U << 20U).value();
};

TEST_F(DiskNodesTest, EmptyHomeHasNone) { EXPECT_TRUE(nodes_.list().value().empty()); }

TEST_F(DiskNodesTest, CreateListOpenRemove) {
  const std::string id = nodes_.create_overlay(base_, 2U << 20U).value();
  EXPECT_EQ(nodes_.list().value(), std::vector<std::string>{id});
  EXPECT_EQ(nodes_.open(id).value().info().value().virtual_bytes, 2U << 20U);
  EXPECT_EQ(nodes_.users_of(base_.path()).value(), std::vector<std::string>{id});
  EXPECT_TRUE(nodes_.remove(id).ok());
  EXPECT_TRUE(nodes_.remove(id).ok());
  EXPECT_TRUE(nodes_.list().value().empty());
}

TEST_F(DiskNodesTest, BackingNodeIsNotRemoved) {
  const std::string lower = nodes_.create_overlay(base_, 0).value();
  const std::string upper = nodes_.create_overlay(nodes_.open(lower).value(), 0).value();
  EXPECT_EQ(nodes_.remove(lower).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(nodes_.remove(upper).ok());
  EXPECT_TRUE(nodes_.remove(lower).ok());
}

TEST_F(DiskNodesTest, DamagedNodeCountsAsUserOfEverything) {
  const std::string id = nodes_.create_overlay(base_, 0).value();
  const auto path = nodes_.path_of(id).value();
  ASSERT_TRUE(write_file_atomic(path, "garbage").ok());
  EXPECT_EQ(nodes_.users_of(base_.path()).value(), std::vector<std::string>{id});
}

TEST_F(DiskNodesTest, IdsAreNotPaths) {
  for (const std::string& id :
       {std::string("../../etc/passwd"), std::string(""), std::string(32, 'A'), std::string(31, 'a')}) {
    EXPECT_EQ(nodes_.path_of(id).error().code(), Code::kInvalidArgument) << id;
    EXPECT_EQ(nodes_.remove(id).error().code(), Code::kInvalidArgument) << id;
  }
}

}  // namespace
}  // namespace cove
