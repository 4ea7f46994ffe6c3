#include <array>

#include "base/files.h"
#include "base/io.h"
#include "cli/agent_call.h"
#include "cli/commands/commands.h"
#include "cli/image_supply.h"
#include "cli/new_vm_flags.h"
#include "cli/progress_line.h"
#include "cli/setup_script.h"
#include "cli/vm_beginning.h"
#include "cli/vm_choice.h"
#include "cli/vm_creation.h"
#include "cli/vm_end.h"
#include "cli/vm_power.h"
#include "cli/vm_view.h"
#include "cli/wait_report.h"
#include "format/duration.h"
#include "provision/vm_maker.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 7> kOwnFlags{{
    {"setup-script", FlagKind::kText, "FILE", "run each line of this file (or -) in the VM, in order", ""},
    {"timeout", FlagKind::kDuration, "TIME", "how long the VM may take to answer", "5m"},
    {"force", FlagKind::kSwitch, "", "delete a VM of this name first, with its disk", ""},
    {"no-resume", FlagKind::kSwitch, "", "boot a suspended VM; its state is kept as a snapshot", ""},
    {"cold-boot", FlagKind::kSwitch, "", "", ""},
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

constexpr std::size_t kMaxScript = std::size_t{16} << 20U;

struct Setup {
  std::string text;
  std::vector<SetupLine> lines;
};

// Read before any work, so that a mistyped name costs nothing.
Result<Setup> load_setup(Invocation& inv) {
  const auto file = inv.flags.text("setup-script");
  if (file.empty()) return Setup{};
  Setup setup;
  if (file == "-") {
    if (inv.flags.text("password-file") == "-" || inv.flags.text("password") == "-")
      return inv.usage("standard input cannot be both the setup script and the password");
    setup.text = COVE_TRY(read_to_end(inv.context(), inv.env.in, kMaxScript).context("-setup-script"));
  } else {
    setup.text = COVE_TRY(read_file(inv.env.working_directory / file, kMaxScript).context("-setup-script"));
  }
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
  COVE_TRY(VmMaker(old.home()).remove(name));
  return {};
}

enum class Before : unsigned char { kDown, kSuspended, kPaused, kUp };

// One that goes down cannot be kept from it; it is started again when it is down.
Result<void> let_it_stop(Invocation& inv, const VmDirectory& vm, Progress& progress) {
  if (!vm.observe().stopping()) return {};
  const auto& name = vm.name().str();
  progress.step("waiting until " + name + ", which is being stopped, is down");
  const auto timeout = *inv.flags.duration("timeout");
  auto down = wait_released(inv.context().with_timeout(timeout), vm);
  if (down.ok() || down.error().code() != Code::kDeadlineExceeded) return down;
  return Error(Code::kDeadlineExceeded,
               "vm \"" + name + "\" is being stopped and still runs after " + format_duration(timeout))
      .hint("end it by force: cove stop -force " + name + "\nthen start it again: cove up " + name);
}

Result<Before> ensure_running(Invocation& inv, const VmDirectory& vm, Progress& progress) {
  COVE_TRY(let_it_stop(inv, vm, progress));
  const auto view = look_at(inv.context(), vm);
  switch (view.state()) {
    case MachineState::kRunning:
      return Before::kUp;
    case MachineState::kPaused:
      progress.step("resuming " + vm.name().str());
      COVE_TRY(ask_resume(inv.context(), vm));
      return Before::kPaused;
    case MachineState::kStarting:
      return Before::kDown;
    default: {
      const auto wish = beginning_wish(inv);
      const auto beginning = look_at_beginning(vm, wish);
      note_differences(inv, vm, beginning);
      progress.step("starting " + vm.name().str());
      const auto started = start_vm(inv.context(), inv.env, vm, {.beginning = wish}, progress);
      if (!started.ok()) return start_error(vm, beginning, started.error());
      if (const auto kept = kept_aside_as(vm, beginning); !kept.empty())
        inv.out.note("what " + vm.name().str() + " was suspended with is kept as snapshot " + kept);
      return beginning.how == VmBeginning::How::kGoesOn ? Before::kSuspended : Before::kDown;
    }
  }
}

Result<void> wait_until_usable(Invocation& inv, const VmDirectory& vm, Progress& progress) {
  progress.step("waiting until " + vm.name().str() + " answers");
  const auto timeout = *inv.flags.duration("timeout");
  const auto outcome = COVE_TRY(ask_wait(inv.context(), vm, "user", timeout));
  if (!outcome.met) return unmet_error(vm.name().str(), "user", timeout, outcome);
  return {};
}

enum class ScriptRun : unsigned char { kNo, kYes };

// What has been done is kept beside the VM, so that a re-run does not do it twice.
Result<ScriptRun> apply_setup(Invocation& inv, const VmDirectory& vm, const Setup& setup) {
  if (setup.lines.empty()) return ScriptRun::kNo;
  const auto done = vm.path() / "setup-script.done";
  if (const auto before = read_file(done); before.ok() && *before == setup.text) {
    inv.out.note("setup script: done before");
    return ScriptRun::kNo;
  }
  const auto identity = identity_for("", COVE_TRY(vm.load_config()));
  const auto agent = COVE_TRY(connect_agent(inv.context(), vm, std::chrono::seconds(60)));
  auto env = inv.env;
  if (inv.json()) env.out = env.err;  // standard output is for the one object
  COVE_TRY(run_setup_script(inv.context(), env, *agent, identity.realm, setup.lines));
  COVE_TRY(write_file_atomic(done, setup.text, 0600));
  return ScriptRun::kYes;
}

struct Up {
  VmDirectory vm;
  Creation creation;
  Before before;
  ScriptRun script;
};

std::string farewell(const Up& up, const VmView& view) {
  const auto& name = up.vm.name().str();
  const auto named = name == "default" ? std::string() : " -vm " + name;
  const bool set_up = up.script == ScriptRun::kYes;
  const char* how = up.before == Before::kUp ? (set_up ? " was up, and is set up now" : " is already up")
                    : up.before == Before::kPaused    ? " was paused and runs again"
                    : up.before == Before::kSuspended ? " was suspended and goes on"
                                                      : " is up";
  auto text = name + how + ". Try:\n" +
              format_table({{"  cove shell" + named, "a shell in it; 'exit' leaves"},
                            {"  cove exec" + named + " -- uname -a", "one command"},
                            {"  cove status " + name, "what it is doing"},
                            {"  cove stop " + name, "shut it down"}});
  const auto forwards = view.live ? view.live->forwards : std::vector<LiveForward>();
  if (!forwards.empty()) text += "Ports of this host that lead into it:\n";
  for (const auto& forward : forwards) {
    text += "  " + forward.host_address + ":" + std::to_string(forward.host_port) + " -> guest port " +
            std::to_string(forward.guest_port) + "\n";
  }
  text.pop_back();
  return text;
}

void report(Invocation& inv, const Up& up) {
  const auto view = look_at(inv.context(), up.vm);
  if (!inv.json()) return inv.out.print_line(farewell(up, view));
  auto json = to_json(view);
  const char* unchanged = up.script == ScriptRun::kYes ? "set up" : "nothing";
  const char* done = up.creation != Creation::kWasThere ? "made"
                     : up.before == Before::kUp         ? unchanged
                     : up.before == Before::kDown       ? "started"
                                                        : "resumed";
  json.set("done", done);
  inv.out.print_json(versioned(json));
}

// Shows progress, and remembers where it is.
class Phases final : public Progress {
 public:
  Phases(int err, CancelToken cancel) : shown_(make_progress(err)), cancel_(std::move(cancel)) {}
  void step(std::string_view what) override {
    // What is tidied up after a cancel is not what was interrupted.
    if (!cancel_.cancelled()) now_ = what;
    if (shown_) shown_->step(what);
  }
  void amount(std::uint64_t done, std::uint64_t total) override {
    if (shown_) shown_->amount(done, total);
  }
  // Nothing is shown any more: the terminal is somebody else's.
  void hide() { shown_.reset(); }
  const std::string& now() const { return now_; }

 private:
  std::unique_ptr<Progress> shown_;
  CancelToken cancel_;
  std::string now_;
};

struct Wanted {
  VmName name;
  VmConfig config;
  Setup setup;
};

Result<Up> bring_up(Invocation& inv, const Wanted& wanted, Phases& phases) {
  const auto& name = wanted.name;
  COVE_TRY(remove_old(inv, name, wanted.config, phases));
  const auto created = COVE_TRY(ensure_vm(inv, name, wanted.config, phases));
  if (created.how == Creation::kWasThere) {
    const auto has = COVE_TRY(created.directory.load_config());
    COVE_TRY(check_flags_hold(inv, name.str(), has, wanted.config));
  }
  const auto before = COVE_TRY(ensure_running(inv, created.directory, phases));
  COVE_TRY(wait_until_usable(inv, created.directory, phases));
  phases.hide();
  if (!created.hint.empty()) inv.out.note(created.hint);
  phases.step("running the setup script");
  const auto script = COVE_TRY(apply_setup(inv, created.directory, wanted.setup));
  return Up{created.directory, created.how, before, script};
}

// After Ctrl-C: where it was, and what is there now.
Error interrupted(const VmDirectory& vm, const std::string& phase, const Error& why) {
  const auto& name = vm.name().str();
  const auto seen = vm.observe();
  std::string rest = " is made and does not run";
  std::string hint = "go on from there: cove up " + name;
  if (!vm.exists()) {
    rest = " is not made yet";
    hint = "say the same command again: it does what is missing";
  } else if (seen.state == MachineState::kCreating) {
    rest = " is partly made";
    hint += "\nor remove it: cove delete " + name;
  } else if (seen.has_supervisor()) {
    rest = " is left running";
    hint += "\nor stop it: cove stop " + name;
  }
  if (!why.hint_text().empty()) hint += "\n" + why.hint_text();
  return Error(Code::kCancelled, "interrupted while it was " + phase + "; vm \"" + name + "\"" + rest)
      .hint(hint);
}

Result<int> run_up(Invocation& inv) {
  const auto name = COVE_TRY(choose_name(inv, inv.flags.words.empty() ? nullptr : &inv.flags.words[0]));
  COVE_TRY(check_constant_switches(inv, {"detach", "no-shutdown"}));
  const VmDirectory vm(Home(inv.env.home), name);
  Wanted wanted{name, {}, COVE_TRY(load_setup(inv))};
  // A VM that is there has its account already: nothing to ask for.
  const bool kept = vm.exists() && !inv.flags.is_set("force");
  if (const auto seen = vm.observe(); kept && seen.state == MachineState::kBroken)
    return not_running_error(vm, seen);
  const auto has = kept ? vm.load_config() : Result<VmConfig>(VmConfig());
  wanted.config = COVE_TRY(config_from_flags(inv, kept ? AskPassword::kNever : AskPassword::kIfWanted,
                                             has.ok() ? has->user.password_hash : std::string()));
  Phases phases(inv.env.err, inv.env.cancel);
  auto up = bring_up(inv, wanted, phases);
  phases.hide();
  if (!up.ok() && up.error().code() == Code::kCancelled) return interrupted(vm, phases.now(), up.error());
  report(inv, COVE_TRY(std::move(up)));
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
