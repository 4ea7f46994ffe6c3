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

struct ForkBase {
  std::string state{};                       // id
  std::chrono::microseconds stood_still{0};  // the source; 0: it did not run
  // An error if the source names it no more.
  std::function<Result<void>()> still_named{};
};

struct ForkRun {
  VmDirectory vm;
  Result<void> outcome;
};

void delete_fork(const VmDirectory& vm) {
  static_cast<void>(stop_vm({}, vm, StopMode::kForce, std::chrono::seconds(0)));
  static_cast<void>(VmRegistry(vm.home()).remove(vm.name()));
}

// The state that forks go on from: the snapshot's, a suspended VM's, or one that is taken of a running VM.
Result<ForkBase> fork_base(const OpContext& ctx, const ForkSource& source) {
  const VmDirectory& vm = source.vm;
  const Error gone(Code::kAborted, "vm \"" + vm.name().str() + "\" has dropped that state meanwhile");
  if (!source.snapshot.empty()) {
    const auto snapshot = COVE_TRY(find_snapshot(vm, COVE_TRY(vm.load_snapshots()), source.snapshot));
    return ForkBase{.state = snapshot.state, .still_named = [=]() -> Result<void> {
                      const auto now = COVE_TRY(vm.load_snapshots());
                      const auto* found = now.find(snapshot.name);
                      return found != nullptr && found->state == snapshot.state ? Result<void>() : gone;
                    }};
  }
  const auto seen = vm.observe();
  if (seen.suspended) {
    return ForkBase{.state = seen.suspended->state, .still_named = [=]() -> Result<void> {
                      const auto now = COVE_TRY(vm.load_suspend());
                      return now && now->state == seen.suspended->state ? Result<void>() : gone;
                    }};
  }
  if (!seen.has_supervisor()) return not_running_error(vm, seen);
  const auto saved = COVE_TRY(ask_fork_base(ctx, vm).context("forking vm \"" + vm.name().str() + "\""));
  return ForkBase{
      .state = saved.state, .stood_still = saved.stood_still, .still_named = [=]() -> Result<void> {
        const auto spoken_for = COVE_TRY(vm.load_pending());
        return spoken_for.contains(saved.state) ? Result<void>() : gone;
      }};
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

Result<VmMaking> plan_copies(const OpContext& ctx, const Environment& env, const ForkSource& source,
                             VmForker::Identity identity) {
  const auto seen = source.vm.observe();
  const bool at_rest = !seen.holder && source.snapshot.empty() &&
                       (seen.state == MachineState::kStopped || seen.state == MachineState::kCrashed);
  if (at_rest) {
    return VmMaking{
        .how = VmMaking::How::kClone,
        .make = [=, home = Home(env.home), name = source.vm.name()](const VmName& copy) {
          NoProgress quiet;
          return VmForker(home).clone(
              ctx, {.source = name, .name = copy, .depth = VmForker::Depth::kLinked, .identity = identity},
              quiet);
        }};
  }
  const auto base = COVE_TRY(fork_base(ctx, source));
  return VmMaking{
      .how = VmMaking::How::kFork,
      .stood_still = base.stood_still,
      .make = [base, identity, home = Home(env.home)](const VmName& copy) {
        return VmForker(home).fork(
            {.name = copy, .state = base.state, .still_named = base.still_named, .identity = identity});
      }};
}

Result<void> fork_vms(const OpContext& ctx, const Environment& env, const std::vector<VmName>& names,
                      const VmMaking& making, Progress& progress) {
  std::vector<ForkRun> runs;
  Result<void> failed;
  for (const auto& name : names) {
    progress.step("making " + name.str());
    auto vm = making.make(name);
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
