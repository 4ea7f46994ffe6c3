#include <array>

#include "base/files.h"
#include "cli/agent_call.h"
#include "cli/commands/commands.h"
#include "cli/image_supply.h"
#include "cli/new_vm_flags.h"
#include "cli/progress_line.h"
#include "cli/setup_script.h"
#include "cli/vm_choice.h"
#include "cli/vm_creation.h"
#include "cli/vm_power.h"
#include "cli/vm_view.h"
#include "cli/wait_report.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 5> kOwnFlags{{
    {"setup-script", FlagKind::kText, "FILE", "run each line of this file in the VM, in order", ""},
    {"timeout", FlagKind::kDuration, "TIME", "how long the VM may take to answer", "5m"},
    {"force", FlagKind::kSwitch, "", "delete a VM of this name first, with its disk", ""},
    {"detach", FlagKind::kSwitch, "", "", ""},
    {"no-shutdown", FlagKind::kSwitch, "", "", ""},
}};

constexpr auto make_flags() {
  std::array<FlagSpec, std::size(kNewVmFlags) + kOwnFlags.size()> all{};
  std::size_t i = 0;
  for (const auto& flag : kNewVmFlags) all[i++] = flag;
  for (const auto& flag : kOwnFlags) all[i++] = flag;
  return all;
}
constexpr auto kUpFlags = make_flags();

struct Setup {
  std::string text;
  std::vector<SetupLine> lines;
};

// Read before any work, so that a mistyped name costs nothing.
Result<Setup> load_setup(Invocation& inv) {
  const auto file = inv.flags.text("setup-script");
  if (file.empty()) return Setup{};
  Setup setup;
  setup.text = COVE_TRY(read_file(inv.env.working_directory / file).context("-setup-script"));
  setup.lines = COVE_TRY(parse_setup_script(setup.text).context(file));
  return setup;
}

// The image comes first: if it cannot be had, the old VM is still there.
Result<void> remove_old(Invocation& inv, const VmName& name, const VmConfig& wanted, Progress& progress) {
  const VmDirectory old(Home(inv.env.home), name);
  if (!inv.flags.is_set("force") || !old.exists()) return {};
  COVE_TRY(supply_image(inv.context(), inv.env, COVE_TRY(ImageRef::parse(wanted.image)), progress));
  progress.step("deleting " + name.str());
  COVE_TRY(stop_vm(inv.context(), old, StopMode::kForce, std::chrono::seconds(0)));
  return registry_of(inv.env).remove(name);
}

// Whether it was up already.
Result<bool> ensure_running(Invocation& inv, const VmDirectory& vm, Progress& progress) {
  const auto view = look_at(inv.context(), vm);
  switch (view.state()) {
    case MachineState::kRunning:
      return true;
    case MachineState::kPaused:
      COVE_TRY(ask_resume(inv.context(), vm));
      return true;
    case MachineState::kStarting:
      return false;
    default:
      progress.step("starting " + vm.name().str());
      COVE_TRY(start_vm(inv.context(), inv.env, vm, LaunchRequest::Mode::kDetached, {}, progress));
      return false;
  }
}

Result<void> wait_until_usable(Invocation& inv, const VmDirectory& vm, Progress& progress) {
  progress.step("waiting until " + vm.name().str() + " answers");
  const auto timeout = *inv.flags.duration("timeout");
  const auto outcome = COVE_TRY(ask_wait(inv.context(), vm, "user", timeout));
  if (!outcome.met) return unmet_error(vm.name().str(), "user", timeout, outcome);
  return {};
}

// What has been done is kept beside the VM, so that a re-run does not do it twice.
Result<void> apply_setup(Invocation& inv, const VmDirectory& vm, const Setup& setup) {
  if (setup.lines.empty()) return {};
  const auto done = vm.path() / "setup-script.done";
  if (const auto before = read_file(done); before.ok() && *before == setup.text) {
    inv.out.note("setup script: done before");
    return {};
  }
  const auto identity = identity_for("", COVE_TRY(vm.load_config()));
  const auto agent = COVE_TRY(connect_agent(inv.context(), vm, std::chrono::seconds(60)));
  COVE_TRY(run_setup_script(inv.context(), inv.env, *agent, identity.realm, setup.lines));
  return write_file_atomic(done, setup.text, 0600);
}

std::string farewell(const VmDirectory& vm, bool was_up) {
  const auto& name = vm.name().str();
  const auto named = name == "default" ? std::string() : " -vm " + name;
  auto text = name + (was_up ? " is already up" : " is up") + ". Try:\n" +
              format_table({{"  cove shell" + named, "a shell in it; 'exit' leaves"},
                            {"  cove exec" + named + " -- uname -a", "one command"},
                            {"  cove status " + name, "what it is doing"},
                            {"  cove stop " + name, "shut it down"}});
  text.pop_back();
  return text;
}

Result<int> run_up(Invocation& inv) {
  const auto name = COVE_TRY(choose_name(inv, inv.flags.words.empty() ? nullptr : &inv.flags.words[0]));
  const auto setup = COVE_TRY(load_setup(inv));
  const bool known = VmDirectory(Home(inv.env.home), name).exists();
  // A VM that is there has its account already: nothing to ask for.
  const auto wanted = COVE_TRY(config_from_flags(
      inv, known && !inv.flags.is_set("force") ? AskPassword::kNever : AskPassword::kIfWanted));
  auto progress = make_progress(inv.env.err);
  COVE_TRY(remove_old(inv, name, wanted, *progress));
  const auto created = COVE_TRY(ensure_vm(inv, name, wanted, *progress));
  const bool was_up = COVE_TRY(ensure_running(inv, created.directory, *progress));
  COVE_TRY(wait_until_usable(inv, created.directory, *progress));
  progress.reset();
  COVE_TRY(apply_setup(inv, created.directory, setup));
  if (known && created.how == Creation::kWasThere &&
      (inv.flags.given("cpu") || inv.flags.given("memory") || inv.flags.given("disk-size"))) {
    inv.out.note("note: " + name.str() + " was there and keeps its size; change it with: cove stop " +
                 name.str() + "; cove set " + name.str() + " ...");
  }
  if (inv.json()) {
    auto json = to_json(look_at(inv.context(), created.directory));
    inv.out.print_json(json);
  } else {
    inv.out.print_line(farewell(created.directory, was_up));
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kUpCommand{.name = "up",
                                       .words = "[NAME]",
                                       .summary = "a VM that answers: made, started, set up as needed",
                                       .flags = kUpFlags,
                                       .word_kind = WordKind::kVm,
                                       .most_words = 1,
                                       .run = run_up};

}  // namespace cove
