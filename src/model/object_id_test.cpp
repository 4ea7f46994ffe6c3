#include "model/object_id.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

TEST(ObjectId, WhatIsMadeIsOneAndNoTwoAreAlike) {
  const auto id = new_object_id();
  EXPECT_TRUE(is_object_id(id)) << id;
  EXPECT_NE(id, new_object_id());
}

TEST(ObjectId, PathsAndOtherSpellingsAreNone) {
  for (const std::string& text :
       {std::string(), std::string(31, 'a'), std::string(33, 'a'), std::string(32, 'A'), std::string(32, 'g'),
        "../" + std::string(29, 'a'), std::string(32, '\0')})
    EXPECT_FALSE(is_object_id(text)) << text;
}

}  // namespace
}  // namespace cove
