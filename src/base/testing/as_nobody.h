// For tests: root may read and write everywhere; while an AsNobody lives the test is nobody. One thread.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

namespace cove {

class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) { become(65534); }
  ~AsNobody() { become(0); }

 private:
  void become(uid_t user) const {
    if (was_root_) {
      EXPECT_EQ(::seteuid(user), 0);
    }
  }
  bool was_root_;
};

}  // namespace cove
