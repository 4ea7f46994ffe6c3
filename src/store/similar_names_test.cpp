#include "store/similar_names.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

using Names = std::vector<std::string>;

TEST(SimilarNames, FindsSwapsDropsAndPrefixes) {
  const Names known = {"default", "web-1", "web-2", "database"};
  EXPECT_EQ(similar_names("defualt", known), (Names{"default"}));
  EXPECT_EQ(similar_names("wbe-1", known), (Names{"web-1"}));
  EXPECT_EQ(similar_names("da", known), (Names{"database"}));
  EXPECT_EQ(similar_names("web-3", known), (Names{"web-1", "web-2"}));
}

TEST(SimilarNames, IsSilentWhenNothingIsNear) {
  EXPECT_TRUE(similar_names("zebra", {"default", "web-1"}).empty());
  EXPECT_TRUE(similar_names("", {"default"}).empty());
}

}  // namespace
}  // namespace cove
