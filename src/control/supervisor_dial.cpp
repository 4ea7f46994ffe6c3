#include "control/supervisor_dial.h"

#include <pwd.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/log.h"
#include "base/unix_socket.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

std::string described(const LockNote& supervisor) {
  return "supervisor (pid " + std::to_string(supervisor.pid) + ", since " + supervisor.since + ")";
}

// "root", or its number if it has no name here; empty if nobody knows.
std::string owner_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  const passwd* user = ::getpwuid(info.st_uid);
  return user == nullptr ? std::to_string(info.st_uid) : user->pw_name;
}

Error denied_error(const VmDirectory& vm, const LockNote& supervisor) {
  const auto owner = owner_of(vm.control_socket());
  const auto whose = owner.empty() ? "another user" : "user " + owner;
  return Error(Code::kPermissionDenied, "vm \"" + vm.name().str() + "\" was started by " + whose +
                                            ", who alone may ask its " + described(supervisor))
      .hint("run this as " + whose);
}

Error dial_error(Error error, const VmDirectory& vm) {
  const bool nobody = error.error_number() == ENOENT || error.error_number() == ECONNREFUSED;
  const bool silent = error.code() == Code::kDeadlineExceeded;
  const bool denied = error.code() == Code::kPermissionDenied;
  if (!nobody && !silent && !denied) return std::move(error).context("connecting to the supervisor");
  const Observation seen = vm.observe();
  if (!vm.exists() || !seen.has_supervisor()) return not_running_error(vm, seen);
  const std::string& name = vm.name().str();
  if (denied) return denied_error(vm, *seen.holder);
  if (nobody) {
    return Error(Code::kUnavailable, "vm \"" + name + "\" is starting or ending: its " +
                                         described(*seen.holder) + " does not listen now")
        .hint("wait for it: cove wait " + name + "\nwhat it does: cove logs -supervisor " + name);
  }
  return silent_error(vm, *seen.holder);
}

}  // namespace

Error silent_error(const VmDirectory& vm, const LockNote& supervisor) {
  const std::string& name = vm.name().str();
  return Error(Code::kDeadlineExceeded,
               "vm \"" + name + "\" does not answer: its " + described(supervisor) + " is busy or hangs")
      .hint("what it does: cove logs -supervisor " + name + "\nend it by force: cove stop -force " + name);
}

Result<UniqueFd> dial_supervisor(const OpContext& ctx, const VmDirectory& vm,
                                 const std::filesystem::path& socket) {
  log_debug("connecting to the supervisor", {{"socket", socket.string()}});
  auto fd = connect_unix(ctx, socket);
  if (!fd.ok()) return dial_error(std::move(fd).error(), vm);
  return fd;
}

}  // namespace cove
