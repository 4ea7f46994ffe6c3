// EXPECT_DONE, ASSERT_DONE: a Result that has to be none of an error, which is shown.
#pragma once

#include <gtest/gtest.h>

namespace cove::state_test {

template <typename R>
testing::AssertionResult is_done(const R& result) {
  if (result.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().message();
}

}  // namespace cove::state_test

#define EXPECT_DONE(call)                           \
  do {                                              \
    EXPECT_TRUE(cove::state_test::is_done((call))); \
  } while (false)
#define ASSERT_DONE(call)                           \
  do {                                              \
    ASSERT_TRUE(cove::state_test::is_done((call))); \
  } while (false)
