#include <fcntl.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/vm_choice.h"
#include "state/memory_layers.h"
#include "state/state_store.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 1> kStateVerifyFlags{{
    {"all", FlagKind::kSwitch, "", "the states of every VM", ""},
}};

// A state that a VM names, by the name that it has there.
struct NamedState {
  std::string vm;
  std::string snapshot;  // empty: what it is suspended with
  std::string state;
  std::string what() const { return snapshot.empty() ? "suspended state" : "snapshot " + snapshot; }
};

struct Verified {
  std::uint64_t pages = 0;  // of which each was checked against its checksum
  std::size_t page_layers = 0;
  std::string full_layer{};  // of which only the length was
};

Result<std::vector<NamedState>> states_of(const VmDirectory& vm) {
  std::vector<NamedState> states;
  const auto tree = COVE_TRY(vm.load_snapshots());
  for (const auto& snapshot : tree.all()) states.push_back({vm.name().str(), snapshot.name, snapshot.state});
  // Beside a supervisor the record is of a VM that is just going on.
  if (const auto record = COVE_TRY(vm.load_suspend())) {
    const auto same = [&record](const NamedState& one) { return one.state == record->state; };
    if (std::find_if(states.begin(), states.end(), same) == states.end())
      states.push_back({vm.name().str(), "", record->state});
  }
  return states;
}

Result<Verified> verify(const OpContext& ctx, const StateStore& store, const std::string& id,
                        Progress& progress) {
  const auto state = COVE_TRY(store.load(id));
  COVE_TRY(store.check(state));
  Verified verified;
  if (!state.memory) return verified;
  verified.full_layer = state.memory->layer;
  const auto index = COVE_TRY(store.page_index(state));
  const auto total = index.pages.size() * kPageBytes;
  COVE_TRY(read_indexed_pages(
      index, [&store](const std::string& layer) { return open_file(store.page_layer(layer), O_RDONLY); },
      [&](std::uint32_t, std::string_view bytes) -> Result<void> {
        verified.pages += bytes.size() / kPageBytes;
        progress.amount(verified.pages * kPageBytes, total);
        return ctx.check();
      }));
  verified.page_layers = index.layers.size();
  return verified;
}

std::string whole_text(const Verified& verified) {
  if (verified.full_layer.empty()) return "whole";
  return "whole (" + format_bytes(verified.pages * kPageBytes) + " of memory by their checksums, layer " +
         verified.full_layer + " by its length only)";
}

Json json_of_state(const NamedState& named, const Result<Verified>& verified) {
  auto json = Json::object({{"vm", named.vm}, {"snapshot", named.snapshot}, {"state", named.state}});
  json.set("whole", verified.ok());
  if (!verified.ok()) {
    json.set("error", verified.error().message());
    return json;
  }
  json.set("checked_pages", verified->pages);
  json.set("page_layers", std::uint64_t{verified->page_layers});
  if (!verified->full_layer.empty()) json.set("length_only", verified->full_layer);
  return json;
}

Result<int> run_state_verify(Invocation& inv) {
  std::vector<NamedState> states;
  for (const auto& vm : COVE_TRY(choose_vms(inv))) {
    auto of_vm = COVE_TRY(states_of(vm));
    states.insert(states.end(), of_vm.begin(), of_vm.end());
  }
  const StateStore store(inv.env.home);
  std::size_t damaged = 0;
  Json list = Json::array();
  for (const auto& named : states) {
    auto progress = make_progress(inv.env.err);
    progress->step("checking " + named.what() + " of " + named.vm);
    const auto verified = verify(inv.context(), store, named.state, *progress);
    progress.reset();
    if (!verified.ok() && verified.error().code() == Code::kCancelled) return verified.error();
    if (!verified.ok()) ++damaged;
    if (inv.json()) {
      list.push_back(json_of_state(named, verified));
    } else {
      inv.out.print_line(
          named.vm + ": " + named.what() + ": " +
          (verified.ok() ? whole_text(*verified) : "DAMAGED: " + printable(verified.error().message())));
    }
  }
  if (inv.json()) inv.out.print_json(Json::object({{"version", 1}, {"states", std::move(list)}}));
  if (states.empty()) inv.out.note("There is no saved state.");
  if (damaged == 0) return 0;
  return Error(Code::kDataLoss, std::to_string(damaged) + " of " + std::to_string(states.size()) +
                                    (states.size() == 1 ? " state is damaged" : " states are damaged"))
      .hint("the others can be used; a damaged snapshot is given up by: cove snapshot delete NAME");
}

}  // namespace

constinit const CommandSpec kStateVerifyCommand{.name = "state verify",
                                                .words = "",
                                                .summary = "read saved states and check that they are whole",
                                                .flags = kStateVerifyFlags,
                                                .run = run_state_verify};

}  // namespace cove
