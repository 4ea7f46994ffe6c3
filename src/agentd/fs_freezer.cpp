#include "agentd/fs_freezer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

constexpr std::size_t kMaxMountBytes = std::size_t{4} << 20U;
constexpr const char* kOneMount = "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n";

int error_of(int outcome) { return outcome < 0 ? errno : 0; }

Result<UniqueFd> open_mount(const Mount& mount) {
  UniqueFd fd = COVE_TRY(open_file(mount.point, O_RDONLY | O_NONBLOCK));
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) return Error::from_errno(errno, mount.point);
  const std::string device = std::to_string(major(info.st_dev)) + ":" + std::to_string(minor(info.st_dev));
  if (!mount.device.starts_with("0:") && device != mount.device)
    return Error(Code::kNotFound, "another file system is mounted over it");
  return fd;
}

}  // namespace

FreezeCalls FreezeCalls::of_this_machine() {
  FreezeCalls calls;
  calls.mounts = [] { return read_file("/proc/self/mountinfo", kMaxMountBytes); };
  calls.sync = [] { ::sync(); };
  calls.open = open_mount;
  calls.freeze = [](int fd) { return error_of(::ioctl(fd, FIFREEZE, 0)); };
  calls.thaw = [](int fd) { return error_of(::ioctl(fd, FITHAW, 0)); };
  return calls;
}

FreezeCalls FreezeCalls::of_nothing() {
  FreezeCalls calls;
  calls.mounts = [] { return Result<std::string>(kOneMount); };
  calls.sync = [] {};
  calls.open = [](const Mount&) { return Result<UniqueFd>(UniqueFd()); };
  calls.freeze = [](int) { return 0; };
  calls.thaw = [](int) { return 0; };
  return calls;
}

FsFreezer::~FsFreezer() { thaw(); }

bool FsFreezer::is_in(Phase phase, std::uint64_t round) const {
  return state_.read([&](const State& state) { return state.phase == phase && state.round == round; });
}

ThawReport FsFreezer::end(Phase next) {
  ThawReport report;
  std::vector<Frozen> frozen;
  state_.with([&](State& state) {
    if (may_be_frozen(state.phase)) report.was = ThawReport::Was::kFrozen;
    if (state.phase == Phase::kExpired) report.was = ThawReport::Was::kExpired;
    state.phase = next;
    frozen.swap(state.frozen);
  });
  // What the others lie on first.
  for (auto at = frozen.rbegin(); at != frozen.rend(); ++at) {
    const int error = calls_.thaw(at->fd.get());
    report.items.push_back({at->point, error == 0 ? FreezeItem::End::kDone : FreezeItem::End::kFailed,
                            error == 0 ? "" : ::strerror(error)});
  }
  return report;
}

ThawReport FsFreezer::thaw() { return end(Phase::kIdle); }

// A freeze that follows may have begun already when this notices that its own has ended.
void FsFreezer::guard(std::uint64_t round, Deadline deadline) {
  const auto over = [round](const State& state) {
    return state.round != round || !may_be_frozen(state.phase);
  };
  if (state_.wait({{}, deadline}, over).ok()) return;
  if (is_in(Phase::kFreezing, round) || is_in(Phase::kFrozen, round)) end(Phase::kExpired);
}

Result<std::vector<FreezeItem>> FsFreezer::freeze(const OpContext& ctx, std::chrono::milliseconds deadline) {
  if (deadline.count() <= 0 || deadline > kMaxDeadline)
    return Error(Code::kInvalidArgument, "a deadline of 1 ms to 60 s is required");
  const std::uint64_t round = state_.with([](State& state) -> std::uint64_t {
    if (may_be_frozen(state.phase)) return 0;
    state.phase = Phase::kFreezing;
    return ++state.round;
  });
  if (round == 0) return Error(Code::kFailedPrecondition, "the file systems are frozen already");
  // The thread is there before anything is frozen; that of an earlier round ends by itself.
  guard_.with([&](Thread& thread) {
    thread = Thread("fs-thaw", [this, round, when = Deadline::after(deadline)] { guard(round, when); });
  });
  auto items = freeze_all(ctx, round);
  const bool held = items.ok() && state_.with([round](State& state) {
    if (state.phase != Phase::kFreezing || state.round != round) return false;
    state.phase = Phase::kFrozen;
    return true;
  });
  if (held) return items;
  if (is_in(Phase::kExpired, round))
    return Error(Code::kDeadlineExceeded, "the file systems could not be frozen in time");
  if (!is_in(Phase::kFreezing, round)) return Error(Code::kAborted, "thawed by another call");
  thaw();
  return items;
}

Result<std::vector<FreezeItem>> FsFreezer::freeze_all(const OpContext& ctx, std::uint64_t round) {
  const std::string table = COVE_TRY(calls_.mounts());
  calls_.sync();
  std::vector<FreezeItem> items;
  for (const auto& filesystem : disk_filesystems(parse_mounts(table))) {
    COVE_TRY(ctx.check());
    if (!is_in(Phase::kFreezing, round)) break;
    items.push_back(freeze_one(filesystem, round));
  }
  return items;
}

Result<UniqueFd> FsFreezer::open_one(const Filesystem& filesystem) const {
  auto fd = calls_.open(filesystem.mounts.front());
  for (std::size_t i = 1; i < filesystem.mounts.size() && !fd.ok(); ++i)
    fd = calls_.open(filesystem.mounts[i]);
  return fd;
}

FreezeItem FsFreezer::freeze_one(const Filesystem& filesystem, std::uint64_t round) {
  using End = FreezeItem::End;
  const Mount& mount = filesystem.mounts.front();
  if (mount.access == Mount::Access::kReadOnly) return {mount.point, End::kSkipped, "read-only"};
  auto fd = open_one(filesystem);
  if (!fd.ok()) return {mount.point, End::kFailed, fd.error().message()};
  const int error = calls_.freeze(fd->get());
  if (error == EOPNOTSUPP)
    return {mount.point, End::kSkipped, mount.type + " cannot be frozen; it was synced"};
  if (error == EBUSY) return {mount.point, End::kFailed, "somebody else has frozen it"};
  if (error != 0) return {mount.point, End::kFailed, ::strerror(error)};
  const bool kept = state_.with([&](State& state) {
    if (state.phase != Phase::kFreezing || state.round != round) return false;
    state.frozen.push_back({mount.point, std::move(*fd)});
    return true;
  });
  if (kept) return {mount.point, End::kDone, mount.type};
  calls_.thaw(fd->get());  // the deadline came while the kernel was at it
  return {mount.point, End::kFailed, "too late"};
}

}  // namespace cove::agentd
