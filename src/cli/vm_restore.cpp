#include "cli/vm_restore.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "cli/stopped_disk.h"
#include "cli/version.h"
#include "cli/vm_power.h"
#include "cli/vm_snapshots.h"
#include "state/state_store.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr std::string_view kRestorePurpose = "snapshot";

// "before-restore-2026-11-23T20.15.02Z": a name that no snapshot has.
std::string keep_name(const SnapshotTree& tree) {
  auto stamp = format_rfc3339(std::chrono::system_clock::now());
  std::replace(stamp.begin(), stamp.end(), ':', '.');
  const auto first = "before-restore-" + stamp;
  auto name = first;
  for (int i = 2; tree.find(name) != nullptr; ++i) name = first + "-" + std::to_string(i);
  return name;
}

class Restore {
 public:
  Restore(const OpContext& ctx, const Environment& env, const VmDirectory& vm, const RestoreWish& wish,
          Progress& progress)
      : ctx_(ctx), env_(env), vm_(vm), wish_(wish), progress_(progress) {}

  Result<Restored> run() {
    progress_.step("checking snapshot " + wish_.snapshot.name);
    COVE_TRY(load_state()
                 .context("snapshot \"" + wish_.snapshot.name + "\" cannot be restored")
                 .hint("check all: cove state verify -vm " + vm_.name().str()));
    COVE_TRY(look_at_vm());
    if (wish_.present == RestoreWish::Present::kKept) COVE_TRY(keep_present());
    return wish_.snapshot.kind == SnapshotKind::kDisk ? go_back_to_disk() : go_on_from_state();
  }

 private:
  Result<void> load_state() {
    const StateStore store(vm_.home().root());
    state_ = COVE_TRY(store.load(wish_.snapshot.state));
    COVE_TRY(store.check(state_));
    const bool disk = state_.kind == StateKind::kDisk;
    if (disk == (wish_.snapshot.kind == SnapshotKind::kDisk) && !state_.disks.empty()) return {};
    return Error(Code::kDataLoss, "its state is not of its kind");
  }

  Result<void> look_at_vm() {
    before_ = vm_.observe();
    const auto& name = vm_.name().str();
    if (before_.holder && !before_.has_supervisor()) return busy_error(vm_.name(), *before_.holder);
    if (before_.stopping()) {
      return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is being stopped")
          .hint("wait for its end: cove wait -for stopped " + name);
    }
    if (before_.state == MachineState::kCreating || before_.state == MachineState::kBroken)
      return not_running_error(vm_, before_);
    if (before_.has_supervisor() && wish_.snapshot.kind == SnapshotKind::kDisk) {
      return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is running, and snapshot \"" +
                                                  wish_.snapshot.name + "\" is one of its disk alone")
          .hint("stop it first: cove stop " + name);
    }
    if (before_.suspended && before_.suspended->origin == SuspendRecord::Origin::kFork) {
      return Error(Code::kFailedPrecondition, "vm \"" + name + "\" is a fork that has not run yet")
          .hint("let it go on first: cove run " + name);
    }
    return {};
  }

  // --- what the VM is now ---

  Result<void> keep_present() {
    const auto tree = COVE_TRY(vm_.load_snapshots());
    const auto is_kept = [this](const Snapshot& one) { return one.state == before_.suspended->state; };
    if (before_.suspended && std::any_of(tree.all().begin(), tree.all().end(), is_kept)) return {};
    const SnapshotWish keep{.name = keep_name(tree),
                            .description = "what the vm was when " + wish_.snapshot.name + " was restored"};
    progress_.step("keeping what " + vm_.name().str() + " is now");
    auto kept = before_.has_supervisor() || before_.suspended ? keep_state(keep) : keep_disk(keep);
    if (!kept.ok()) {
      return std::move(kept)
          .context("keeping what vm \"" + vm_.name().str() + "\" is now")
          .hint("give that up instead: cove snapshot restore -discard " + wish_.snapshot.name + " -vm " +
                vm_.name().str());
    }
    kept_as_ = keep.name;
    return {};
  }

  Result<void> keep_state(const SnapshotWish& keep) {
    const auto saved = COVE_TRY(save_snapshot(ctx_, vm_, keep));
    kept_state_ = saved.saved.state;
    return {};
  }

  Result<void> keep_disk(const SnapshotWish& keep) {
    const auto lock = COVE_TRY(vm_.lock(kRestorePurpose));
    return save_stopped_disk(
        vm_,
        {.name = keep.name, .description = keep.description, .cove_version = std::string(version_number())});
  }

  // --- going back ---

  Result<Restored> go_back_to_disk() {
    progress_.step("going back to " + wish_.snapshot.name);
    const auto lock = COVE_TRY(vm_.lock(kRestorePurpose));
    COVE_TRY(return_to_disk(vm_, wish_.snapshot, state_));
    return Restored{.kept_as = kept_as_, .now = Restored::Now::kStopped};
  }

  Result<Restored> go_on_from_state() {
    if (before_.has_supervisor()) {
      progress_.step("stopping " + vm_.name().str());
      COVE_TRY(stop_vm(ctx_, vm_, StopMode::kForce, std::chrono::seconds(0)));
    }
    const SuspendRecord record{.state = state_.id,
                               .origin = SuspendRecord::Origin::kRestore,
                               .snapshot = wish_.snapshot.name,
                               .suspended_at = state_.created_at};
    {
      const auto lock = COVE_TRY(vm_.lock(kRestorePurpose));
      COVE_TRY(vm_.save_suspend(record));
    }
    progress_.step("starting " + vm_.name().str());
    auto started = start_vm(ctx_, env_, vm_, {}, progress_);
    if (!started.ok()) return after_failed_start(record, std::move(started).error());
    return Restored{.kept_as = kept_as_};
  }

  Error after_failed_start(const SuspendRecord& tried, Error why) {
    auto undone = put_back(tried);
    if (!undone.ok()) {
      log_warn("the vm's suspend record stays", {{"reason", undone.error().message()}});
      return std::move(why).context("restoring snapshot \"" + wish_.snapshot.name + "\"");
    }
    const auto now = vm_.observe().state;
    const bool waits = before_.has_supervisor() && now == MachineState::kSuspended;
    return std::move(why)
        .context("snapshot \"" + wish_.snapshot.name + "\" was not restored; vm \"" + vm_.name().str() +
                 "\" is " + (waits ? "suspended, as it was before" : std::string(to_string(now))))
        .hint(waits ? "let it go on: cove run " + vm_.name().str()
                    : "its state: cove status " + vm_.name().str());
  }

  // Only what is still as it was left: a machine that ran has other records.
  Result<void> put_back(const SuspendRecord& tried) {
    const auto lock = COVE_TRY(vm_.lock(kRestorePurpose));
    if (COVE_TRY(vm_.load_suspend()) != tried) return {};
    if (before_.suspended) return vm_.save_suspend(*before_.suspended);
    if (kept_state_.empty()) return vm_.clear_suspend();
    return vm_.save_suspend({.state = kept_state_,
                             .origin = SuspendRecord::Origin::kRestore,
                             .snapshot = kept_as_,
                             .suspended_at = format_rfc3339(std::chrono::system_clock::now())});
  }

  const OpContext& ctx_;
  const Environment& env_;
  const VmDirectory& vm_;
  const RestoreWish& wish_;
  Progress& progress_;
  StateManifest state_;
  Observation before_;
  std::string kept_as_;
  std::string kept_state_;  // of a VM that ran
};

}  // namespace

Result<Restored> restore_snapshot(const OpContext& ctx, const Environment& env, const VmDirectory& vm,
                                  const RestoreWish& wish, Progress& progress) {
  return Restore(ctx, env, vm, wish, progress).run();
}

}  // namespace cove
