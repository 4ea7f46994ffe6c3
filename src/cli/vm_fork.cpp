#include "cli/vm_fork.h"

#include "base/guarded.h"
#include "base/thread.h"
#include "cli/supervisor_calls.h"
#include "cli/vm_choice.h"
#include "cli/vm_power.h"
#include "cli/vm_snapshots.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

struct ForkRun {
  VmDirectory vm;
  Result<void> outcome;
};

void delete_fork(const VmDirectory& vm) {
  static_cast<void>(stop_vm({}, vm, StopMode::kForce, std::chrono::seconds(0)));
  static_cast<void>(VmRegistry(vm.home()).remove(vm.name()));
}

}  // namespace

Result<ForkSource> parse_fork_source(const Environment& env, const std::string& text) {
  const auto at = text.find('@');
  const auto name = COVE_TRY(VmName::parse(text.substr(0, at)));
  ForkSource source{.vm = COVE_TRY(registry_of(env).open(name))};
  if (at == std::string::npos) return source;
  source.snapshot = text.substr(at + 1);
  const auto snapshot =
      COVE_TRY(find_snapshot(source.vm, COVE_TRY(source.vm.load_snapshots()), source.snapshot));
  if (snapshot.kind == SnapshotKind::kFull) return source;
  return Error(Code::kFailedPrecondition, "snapshot \"" + source.snapshot + "\" has disks only, no memory")
      .hint("restore it into a clone: cove clone " + name.str() + " NEW");
}

Result<ForkBase> fork_base(const OpContext& ctx, const ForkSource& source) {
  const VmDirectory& vm = source.vm;
  if (!source.snapshot.empty()) {
    const auto snapshot = COVE_TRY(find_snapshot(vm, COVE_TRY(vm.load_snapshots()), source.snapshot));
    return ForkBase{.state = snapshot.state};
  }
  const auto seen = vm.observe();
  if (seen.suspended) return ForkBase{.state = seen.suspended->state};
  if (!seen.has_supervisor()) return not_running_error(vm, seen);
  const auto saved = COVE_TRY(ask_fork_base(ctx, vm).context("forking vm \"" + vm.name().str() + "\""));
  return ForkBase{.state = saved.state, .stood_still = saved.stood_still};
}

Result<void> fork_vms(const OpContext& ctx, const Environment& env, const std::vector<VmName>& names,
                      const std::string& state, VmForker::Identity identity, Progress& progress) {
  std::vector<ForkRun> runs;
  VmForker forker{Home(env.home)};
  Result<void> failed;
  for (const auto& name : names) {
    progress.step("making " + name.str());
    auto vm = forker.fork({.name = name, .state = state, .identity = identity});
    if (!vm.ok()) {
      failed = std::move(vm).error();
      break;
    }
    runs.push_back({std::move(vm).value(), {}});
  }
  if (failed.ok()) {
    progress.step("starting");
    std::vector<Thread> threads;
    for (auto& run : runs) {
      threads.emplace_back("fork", [&ctx, &env, &run] {
        NoProgress quiet;
        auto started = start_vm(ctx, env, run.vm, {}, quiet);
        if (!started.ok()) run.outcome = std::move(started).error();
      });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& run : runs) {
      if (failed.ok() && !run.outcome.ok()) failed = run.outcome;
    }
  }
  if (failed.ok()) return {};
  for (const auto& run : runs) delete_fork(run.vm);
  return failed;
}

}  // namespace cove
