#include "base/cancel.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace cove {
namespace {

bool readable(const CancelToken& token) {
  pollfd fd{token.fd(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

TEST(CancelSource, ChildIsCancelledWithItsParent) {
  const CancelSource parent;
  const CancelSource child = CancelSource::child_of(parent.token());
  const CancelSource grandchild = CancelSource::child_of(child.token());
  EXPECT_FALSE(grandchild.token().cancelled());
  EXPECT_FALSE(readable(grandchild.token()));
  parent.cancel();
  EXPECT_TRUE(grandchild.token().cancelled());
  EXPECT_TRUE(readable(grandchild.token()));
}

TEST(CancelSource, ChildDoesNotCancelItsParent) {
  const CancelSource parent;
  const CancelSource child = CancelSource::child_of(parent.token());
  child.cancel();
  EXPECT_TRUE(child.token().cancelled());
  EXPECT_TRUE(readable(child.token()));
  EXPECT_FALSE(parent.token().cancelled());
  EXPECT_FALSE(readable(parent.token()));
}

TEST(CancelSource, ChildOfATokenThatNeverFires) {
  const CancelSource child = CancelSource::child_of(CancelToken());
  EXPECT_FALSE(child.token().cancelled());
  child.cancel();
  EXPECT_TRUE(readable(child.token()));
}

TEST(CancelToken, OutlivesItsSource) {
  CancelToken token;
  {
    const CancelSource parent;
    const CancelSource child = CancelSource::child_of(parent.token());
    token = child.token();
    parent.cancel();
  }
  EXPECT_TRUE(token.cancelled());
  EXPECT_TRUE(readable(token));
}

}  // namespace
}  // namespace cove
