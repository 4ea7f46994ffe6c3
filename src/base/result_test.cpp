#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace cove {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Code::kInvalidArgument, "odd number");
  return number / 2;
}

Result<int> quarter(int number) { return COVE_TRY(half(COVE_TRY(half(number)))); }

TEST(Result, TryPassesTheValueOnAndTheErrorUp) {
  EXPECT_EQ(*quarter(12), 3);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), Code::kInvalidArgument);
}

TEST(Result, ContextAndHint) {
  auto failed =
      half(1).context("halving 1").context("doing sums").hint("take an even number").hint("ignored");
  EXPECT_EQ(failed.error().message(), "doing sums: halving 1: odd number");
  EXPECT_EQ(failed.error().hint_text(), "take an even number");
}

TEST(Result, HoldsThingsThatOnlyMove) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(4));
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 4);
}

TEST(ResultDeathTest, ValueOfAnErrorAborts) { EXPECT_DEATH(half(1).value(), "check failed"); }

TEST(Error, FromErrnoKeepsCodeAndText) {
  const Error error = Error::from_errno(ENOENT, "/nowhere");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.message(), "/nowhere: No such file or directory");
}

}  // namespace
}  // namespace cove
