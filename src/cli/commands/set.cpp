#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/forward_flag.h"
#include "cli/machine_types.h"
#include "cli/supervisor_calls.h"
#include "cli/vm_beginning.h"
#include "cli/vm_choice.h"
#include "cli/vm_view.h"
#include "model/forward_list.h"
#include "provision/vm_maker.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 6> kSetFlags{{
    {"cpu", FlagKind::kCount, "N", "virtual CPUs, 1 to 256", ""},
    {"memory", FlagKind::kGigabytes, "GB", "memory, 1 to 512 GB", ""},
    {"disk-size", FlagKind::kGigabytes, "GB", "size of the root disk; it can only grow", ""},
    {"machine", FlagKind::kText, "TYPE", "the machine type, such as pc-q35-7.2, or newest", ""},
    {"forward", FlagKind::kTexts, "HOST:GUEST",
     "a TCP port of this host that leads into the guest; may be repeated", ""},
    {"no-forward", FlagKind::kTexts, "PORT", "take the forward on this host port away, or all", ""},
}};
constexpr std::string_view kEveryForward = "all";

Result<void> add_sizes(Invocation& inv, VmChange& change) {
  if (const auto cpus = inv.flags.count("cpu")) {
    if (*cpus < 1 || *cpus > 256) return inv.usage("-cpu must be 1 to 256");
    change.cpus = static_cast<std::uint32_t>(*cpus);
  }
  change.memory_gb = inv.flags.gigabytes("memory");
  if (change.memory_gb && (*change.memory_gb < 1 || *change.memory_gb > 512)) {
    return inv.usage("-memory must be 1 to 512 GB");
  }
  change.disk_gb = inv.flags.gigabytes("disk-size");
  if (change.disk_gb && (*change.disk_gb < 1 || *change.disk_gb > 16384)) {
    return inv.usage("-disk-size must be 1 to 16384 GB");
  }
  return {};
}

// "all" stays for later: it takes the VM's configuration to know them.
Result<void> add_forwards(Invocation& inv, VmChange& change) {
  for (const auto& text : inv.flags.texts("forward")) {
    auto forward = parse_forward_flag(text);
    if (!forward.ok()) return inv.usage(std::move(forward).error());
    change.forwards.push_back(*forward);
  }
  for (const auto& text : inv.flags.texts("no-forward")) {
    if (text == kEveryForward) continue;
    const auto port = parse_u64(text);
    if (!port || *port < 1 || *port > 65535)
      return inv.usage("-no-forward must be a port, 1 to 65535, or all");
    change.no_forwards.push_back(static_cast<std::uint16_t>(*port));
  }
  return {};
}

Result<void> add_machine_type(Invocation& inv, const VmConfig& config, VmChange& change) {
  if (!inv.flags.given("machine")) return {};
  const std::string type(inv.flags.text("machine"));
  change.machine_type = type == "newest" ? std::string() : type;
  if (change.machine_type->empty()) {
    if (type.empty()) return inv.usage("-machine must be a machine type or newest");
    return {};
  }
  const auto known = COVE_TRY(machine_types_of_engine(inv.context(), inv.env, config.arch));
  if (auto checked = check_machine_type(type, known); !checked.ok()) {
    return inv.usage(std::move(checked).error());
  }
  return {};
}

bool only_forwards(const VmChange& change) {
  return !change.cpus && !change.memory_gb && !change.disk_gb && !change.machine_type;
}

// A VM that runs does it itself: at once, and for its later starts.
Result<void> change_live(Invocation& inv, const VmDirectory& vm, const VmChange& change) {
  for (const auto port : change.no_forwards) COVE_TRY(ask_close_forward(inv.context(), vm, port));
  for (const auto& forward : change.forwards) COVE_TRY(ask_open_forward(inv.context(), vm, forward));
  return {};
}

Result<void> change_files(const VmDirectory& vm, const VmChange& change) {
  COVE_TRY(VmMaker(vm.home()).change(vm.name(), change));
  return {};
}

Deed deed_of(const VmDirectory& vm, const VmConfig& config) {
  const auto& type = config.machine_type;
  Deed deed{.vm = vm.name().str(), .done = "set", .state = {}, .text = {}};
  deed.text = deed.vm + ": " + std::to_string(config.cpus) + (config.cpus == 1 ? " CPU, " : " CPUs, ") +
              std::to_string(config.memory_gb) + " GB memory, " + std::to_string(config.disk_gb) +
              " GB disk, machine type " + (type.empty() ? "newest" : type);
  Json forwards = Json::array();
  for (const auto& forward : config.forwards) {
    deed.text += "\n  forward " + to_string(forward);
    forwards.push_back(Json::object({{"host_address", forward.host_address},
                                     {"host_port", unsigned{forward.host_port}},
                                     {"guest_port", unsigned{forward.guest_port}}}));
  }
  deed.details = Json::object({{"cpus", config.cpus},
                               {"memory_bytes", config.memory_bytes()},
                               {"disk_bytes", config.disk_bytes()},
                               {"machine_type", type.empty() ? "newest" : type},
                               {"forwards", std::move(forwards)}});
  return deed;
}

Result<int> run_set(Invocation& inv) {
  VmChange change;
  COVE_TRY(add_sizes(inv, change));
  COVE_TRY(add_forwards(inv, change));
  const auto dropped = inv.flags.texts("no-forward");
  const bool drop_all = std::find(dropped.begin(), dropped.end(), kEveryForward) != dropped.end();
  if (only_forwards(change) && change.forwards.empty() && dropped.empty() && !inv.flags.given("machine")) {
    return inv.usage("nothing to set: give -cpu, -memory, -disk-size, -machine, -forward or -no-forward");
  }
  const auto vm = COVE_TRY(choose_vm(inv));
  const auto before = COVE_TRY(vm.load_config());
  COVE_TRY(add_machine_type(inv, before, change));
  if (drop_all) {
    change.no_forwards.clear();
    for (auto rest = before.forwards; !rest.empty();) {
      const auto& first = rest.front();
      change.no_forwards.push_back(first.host_port != 0 ? first.host_port : first.guest_port);
      static_cast<void>(take_forwards(rest, change.no_forwards.back()));
    }
  }
  const bool live = vm.observe().has_supervisor();
  const auto changed =
      live && only_forwards(change) ? change_live(inv, vm, change) : change_files(vm, change);
  if (!changed.ok() && changed.error().code() == Code::kNotFound) {
    return Error(changed.error())
        .context("vm \"" + vm.name().str() + "\"")
        .hint("its forwards: cove status " + vm.name().str());
  }
  if (!changed.ok()) return changed.error();
  auto deed = deed_of(vm, COVE_TRY(vm.load_config()));
  deed.state = to_string(look_at(inv.context(), vm).state());
  inv.tell(deed);
  if (!look_at_beginning(vm, LaunchRequest::Beginning::kAsItWas).differences.empty() && !live) {
    inv.out.note(deed.vm +
                 " is suspended and goes on with the machine it was saved with; this counts from its "
                 "next boot: cove run -no-resume " +
                 deed.vm);
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kSetCommand{.name = "set",
                                        .words = "[NAME]",
                                        .summary = "change a VM's size, machine type or port forwards",
                                        .flags = kSetFlags,
                                        .word_kind = WordKind::kVm,
                                        .most_words = 1,
                                        .run = run_set};

}  // namespace cove
