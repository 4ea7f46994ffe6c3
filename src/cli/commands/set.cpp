#include <array>

#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "provision/vm_maker.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 4> kSetFlags{{
    {"cpu", FlagKind::kCount, "N", "virtual CPUs, 1 to 256", ""},
    {"memory", FlagKind::kGigabytes, "GB", "memory, 1 to 512 GB", ""},
    {"disk-size", FlagKind::kGigabytes, "GB", "size of the root disk; it can only grow", ""},
    {"machine", FlagKind::kText, "TYPE", "the machine type, such as pc-q35-7.2, or newest", ""},
}};

Result<int> run_set(Invocation& inv) {
  VmChange change;
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
  if (inv.flags.given("machine")) {
    const std::string type(inv.flags.text("machine"));
    if (type.empty()) return inv.usage("-machine must be a machine type or newest");
    change.machine_type = type == "newest" ? std::string() : type;
  }
  if (!change.cpus && !change.memory_gb && !change.disk_gb && !change.machine_type) {
    return inv.usage("nothing to set: give -cpu, -memory, -disk-size or -machine");
  }
  const auto directory = COVE_TRY(choose_vm(inv));
  const auto config = COVE_TRY(VmMaker(directory.home()).change(directory.name(), change));
  inv.out.note(directory.name().str() + ": " + std::to_string(config.cpus) +
               (config.cpus == 1 ? " CPU, " : " CPUs, ") + std::to_string(config.memory_gb) + " GB memory, " +
               std::to_string(config.disk_gb) + " GB disk, machine type " +
               (config.machine_type.empty() ? "newest" : config.machine_type));
  return 0;
}

}  // namespace

constinit const CommandSpec kSetCommand{
    .name = "set",
    .words = "[NAME]",
    .summary = "change CPUs, memory, disk size or machine type of a stopped VM",
    .flags = kSetFlags,
    .word_kind = WordKind::kVm,
    .most_words = 1,
    .run = run_set};

}  // namespace cove
