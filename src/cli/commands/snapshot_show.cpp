#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/saved_machine.h"
#include "cli/snapshot_words.h"
#include "cli/vm_choice.h"
#include "state/state_store.h"

namespace cove {
namespace {

using SnapshotRows = std::vector<std::vector<std::string>>;

std::string machine_text(const MachineSpec& machine) {
  return std::string(to_string(machine.arch)) + ", " + std::to_string(machine.cpus) +
         (machine.cpus == 1 ? " CPU, " : " CPUs, ") + format_bytes(machine.memory_bytes) + " memory, boot " +
         std::string(to_string(machine.boot.mode)) + ", type " + machine.machine_type + ", " +
         std::string(to_string(machine.accel));
}

void add_state(SnapshotRows& rows, const StateManifest& state) {
  if (state.machine) rows.push_back({"machine", machine_text(*state.machine)});
  if (!state.engine.empty()) rows.push_back({"engine", state.engine});
  const bool frozen = state.quiet == DiskQuiet::kFrozen;
  rows.push_back(
      {"file systems", frozen ? "frozen while it was taken"
                              : std::string(state.kind == StateKind::kFull
                                                ? "not frozen: what was not written yet is in its memory"
                                                : "not frozen: as after a power cut")});
  if (state.memory)
    rows.push_back({"memory", format_bytes(state.memory->bytes) + ", layer " + state.memory->layer});
  for (const auto& disk : state.disks) rows.push_back({"disk " + disk.device, disk.node});
  for (const auto& [name, file] : state.files)
    rows.push_back({"file " + name, format_bytes(file.bytes) + ", XXH3 " + file.checksum.to_hex()});
}

void add_state(Json& json, const StateManifest& state) {
  json.set("engine", state.engine);
  json.set("cove", state.cove);
  json.set("disks_at_rest", to_string(state.quiet));
  if (state.machine) json.set("machine", state.machine->to_json());
  if (state.memory)
    json.set("memory", Json::object({{"layer", state.memory->layer}, {"bytes", state.memory->bytes}}));
  Json disks = Json::array();
  for (const auto& disk : state.disks)
    disks.push_back(Json::object({{"device", disk.device}, {"node", disk.node}}));
  json.set("disks", std::move(disks));
  Json files = Json::array();
  for (const auto& [name, file] : state.files)
    files.push_back(
        Json::object({{"name", name}, {"bytes", file.bytes}, {"checksum", file.checksum.to_hex()}}));
  json.set("files", std::move(files));
}

Result<int> run_snapshot_show(Invocation& inv) {
  COVE_TRY(check_snapshot_names(inv));
  const auto vm = COVE_TRY(choose_vm(inv, nullptr));
  const auto tree = COVE_TRY(vm.load_snapshots());
  const auto snapshot = COVE_TRY(find_snapshot(vm, tree, inv.flags.words[0]));
  const auto state = COVE_TRY(
      StateStore(vm.home().root()).load(snapshot.state).context("snapshot \"" + snapshot.name + "\""));
  const auto sizes = sizes_for_list(inv, vm);
  const bool current = tree.current() == snapshot.name;
  if (inv.json()) {
    auto json = Json::object({{"version", 1}, {"vm", vm.name().str()}, {"current", current}});
    add_json(json, snapshot);
    add_sizes(json, sizes, state.id);
    add_state(json, state);
    inv.out.print_json(json);
    return 0;
  }
  SnapshotRows rows{
      {"name", snapshot.name + (current ? " (the current one)" : "")},
      {"vm", vm.name().str()},
      {"kind", snapshot.kind == SnapshotKind::kFull ? "full: memory, devices and disks" : "disk: disks only"},
      {"parent", snapshot.parent.empty() ? "none" : snapshot.parent},
      {"created", snapshot.created_at}};
  if (!snapshot.description.empty()) rows.push_back({"description", snapshot.description});
  add_state(rows, state);
  if (const auto size = sizes.states.find(state.id); size != sizes.states.end()) {
    rows.push_back({"size", format_bytes(size->second.own) + " of its own, which deleting it frees; " +
                                format_bytes(size->second.shared) + " shared with others"});
  }
  rows.push_back({"state", StateStore(vm.home().root()).folder(state.id).string()});
  inv.out.print(printable(format_table(rows)));
  return 0;
}

}  // namespace

constinit const CommandSpec kSnapshotShowCommand{.name = "snapshot show",
                                                 .words = "NAME",
                                                 .summary = "everything of one snapshot",
                                                 .flags = {},
                                                 .word_kind = WordKind::kSnapshot,
                                                 .least_words = 1,
                                                 .most_words = 1,
                                                 .run = run_snapshot_show};

}  // namespace cove
