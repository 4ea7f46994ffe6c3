// FsIdentity: while it lives, this thread touches files with the rights of an identity (Linux: fsuid, fsgid,
// groups and the capabilities that go with them are per thread). Does nothing in an agent that is not root.
// Made and destroyed on the same thread.
#pragma once

#include <sys/types.h>

#include <vector>

#include "agentd/accounts.h"
#include "base/result.h"

namespace cove::agentd {

class FsIdentity {
 public:
  static Result<FsIdentity> become(const Identity& identity);
  FsIdentity(FsIdentity&& other) noexcept;
  FsIdentity& operator=(FsIdentity&&) = delete;
  ~FsIdentity();

 private:
  FsIdentity() = default;
  bool changed_ = false;
  std::vector<gid_t> groups_before_;
};

}  // namespace cove::agentd
