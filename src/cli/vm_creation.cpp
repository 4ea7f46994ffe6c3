#include "cli/vm_creation.h"

#include "cli/image_supply.h"
#include "cli/vm_choice.h"
#include "provision/vm_maker.h"

namespace cove {
namespace {

constexpr auto kOthersCreation = std::chrono::minutes(2);

Result<void> wait_for_creator(const OpContext& ctx, const VmDirectory& vm, Progress& progress) {
  const auto seen = vm.observe();
  if (seen.state != MachineState::kCreating || !seen.holder) return {};
  progress.step("waiting for pid " + std::to_string(seen.holder->pid) + ", which creates " + vm.name().str());
  COVE_TRY(vm.lock_waiting(ctx.with_timeout(kOthersCreation), "create"));
  return {};
}

}  // namespace

Result<CreatedVm> ensure_vm(Invocation& inv, const VmName& name, const VmConfig& wanted, Progress& progress) {
  const auto ctx = inv.context();
  const VmDirectory directory(Home(inv.env.home), name);
  if (directory.exists()) COVE_TRY(wait_for_creator(ctx, directory, progress));
  const bool unfinished = directory.exists() && COVE_TRY(directory.creating_phase()).has_value();
  if (directory.exists() && !unfinished) return CreatedVm{directory, Creation::kWasThere};
  const auto ref = COVE_TRY(ImageRef::parse(wanted.image));
  const auto image = COVE_TRY(supply_image(ctx, inv.env, ref, progress));
  auto hint = agent_hint(inv.env, image.manifest);
  VmMaker maker{Home(inv.env.home)};
  if (unfinished) {
    progress.step("finishing " + name.str());
    return CreatedVm{COVE_TRY(maker.finish(name, wanted, image)), Creation::kFinished, std::move(hint)};
  }
  progress.step("creating " + name.str());
  auto made = maker.create(name, wanted, image);
  if (made.ok()) return CreatedVm{std::move(made).value(), Creation::kMade, std::move(hint)};
  if (made.error().code() != Code::kAlreadyExists) return std::move(made).error();
  // Another process was faster: what it makes is taken.
  COVE_TRY(wait_for_creator(ctx, directory, progress));
  return CreatedVm{COVE_TRY(maker.finish(name, wanted, image)), Creation::kWasThere};
}

}  // namespace cove
