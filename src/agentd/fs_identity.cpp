#include "agentd/fs_identity.h"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace cove::agentd {
namespace {

// The kernel's own call: libc's setgroups changes every thread of the process.
int set_thread_groups(const std::vector<gid_t>& groups) {
  return static_cast<int>(::syscall(SYS_setgroups, groups.size(), groups.data()));
}

}  // namespace

Result<FsIdentity> FsIdentity::become(const Identity& identity) {
  FsIdentity changed;
  if (::geteuid() != 0 || identity.account.uid == 0) return changed;
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return Error::from_errno(errno, "getgroups");
  changed.groups_before_.resize(static_cast<std::size_t>(count));
  if (::getgroups(count, changed.groups_before_.data()) < 0) return Error::from_errno(errno, "getgroups");
  if (set_thread_groups(identity.groups) < 0) return Error::from_errno(errno, "setgroups");
  changed.changed_ = true;
  ::setfsgid(identity.account.gid);
  ::setfsuid(identity.account.uid);
  // These two report nothing; asking again with an impossible id tells what is in force.
  if (static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))) != identity.account.uid) {
    return Error(Code::kPermissionDenied, "cannot act as " + identity.account.name);
  }
  return changed;
}

FsIdentity::FsIdentity(FsIdentity&& other) noexcept
    : changed_(std::exchange(other.changed_, false)), groups_before_(std::move(other.groups_before_)) {}

FsIdentity::~FsIdentity() {
  if (!changed_) return;
  ::setfsuid(0);
  ::setfsgid(0);
  set_thread_groups(groups_before_);
}

}  // namespace cove::agentd
