// PollWaiter: one thread's wait for another thread or for a cancel, whichever comes first. Made by Guarded
// for a waiter with a cancel token, for a condition variable knows no descriptors. wake() from any thread.
#pragma once

#include "base/cancel.h"
#include "base/unique_fd.h"

namespace cove {

class PollWaiter {
 public:
  PollWaiter();
  void wake() const;
  // Returns after wake(), at a cancel, at the deadline, or for no reason.
  void wait(const OpContext& ctx) const;

 private:
  UniqueFd event_;
};

}  // namespace cove
