#include "model/vm_name.h"

#include <gtest/gtest.h>

#include <string>

namespace cove {
namespace {

TEST(VmName, TakesTheDocumentedForms) {
  for (const auto* good : {"a", "9", "default", "web-1.test_2", "A.B"})
    EXPECT_TRUE(VmName::parse(good).ok()) << good;
  EXPECT_TRUE(VmName::parse(std::string(63, 'x')).ok());
}

TEST(VmName, RefusesWhatCouldLeaveItsFolderOrConfuseAShell) {
  for (const auto* bad : {"", ".", "..", "../x", "a/b", "-a", "_a", "a b", "a\nb", "a\0b", "\xc3\xa4"}) {
    EXPECT_FALSE(VmName::parse(bad).ok() && std::string(bad) != "a") << bad;
  }
  EXPECT_FALSE(VmName::parse(std::string(64, 'x')).ok());
  EXPECT_FALSE(VmName::parse(std::string_view("a\0b", 3)).ok());
}

}  // namespace
}  // namespace cove
