#include <algorithm>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "cli/vm_view.h"
#include "state/object_sizes.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

using Rows = std::vector<std::vector<std::string>>;

void add_config(Rows& rows, const VmView& view) {
  const auto& config = *view.config;
  rows.push_back({"image", config.image});
  rows.push_back({"machine", std::string(to_string(config.arch)) + ", " + std::to_string(config.cpus) +
                                 " CPUs, " + std::to_string(config.memory_gb) + " GB memory, boot " +
                                 std::string(to_string(config.boot)) +
                                 (config.machine_type.empty() ? "" : ", type " + config.machine_type)});
  rows.push_back({"disk", disk_text(view)});
  if (!config.user.name.empty()) rows.push_back({"user", config.user.name});
}

// Since when it is suspended, with what, and what it can go back to.
void add_saved(Rows& rows, const VmView& view, const std::optional<StateSizes>& size) {
  if (view.state() == MachineState::kSuspended && view.seen.suspended) {
    const auto& record = *view.seen.suspended;
    auto text = "since " + record.suspended_at;
    if (record.origin == SuspendRecord::Origin::kRestore) text = "at snapshot " + record.snapshot;
    if (record.origin == SuspendRecord::Origin::kFork) text = "a fork that has not run yet";
    if (size) {
      text += ", " + format_bytes(size->own) + " on disk";
      if (size->shared > 0) text += " and " + format_bytes(size->shared) + " shared with others";
    }
    rows.push_back({"suspended", text});
  }
  if (!view.snapshots || view.snapshots->all().empty()) return;
  const auto& current = view.snapshots->current();
  rows.push_back({"snapshots", std::to_string(view.snapshots->all().size()) +
                                   (current.empty() ? "" : ", it comes from " + current)});
}

std::optional<StateSizes> size_of_suspended(const VmView& view) {
  if (view.state() != MachineState::kSuspended || !view.seen.suspended) return std::nullopt;
  const auto sizes = measure_store(view.directory.home());
  if (!sizes.ok()) return std::nullopt;
  const auto found = sizes->states.find(view.seen.suspended->state);
  return found == sizes->states.end() ? std::nullopt : std::optional(found->second);
}

void add_live(Rows& rows, const LiveStatus& live) {
  auto accelerator = live.accelerator;
  if (!live.accelerator_reason.empty()) accelerator += " (" + live.accelerator_reason + ")";
  rows.push_back({"engine", live.backend + ", " + accelerator});
  rows.push_back({"running since", live.started_at});
  rows.push_back(
      {"process", "supervisor " + std::to_string(live.supervisor_pid) +
                      (live.engine_pid != 0 ? ", engine " + std::to_string(live.engine_pid) : "")});
  rows.push_back({"address", live.ip.empty() ? "none" : live.ip});
  for (const auto& forward : live.forwards) {
    rows.push_back(
        {"forward",
         forward.host_address + ":" + std::to_string(forward.host_port) + " -> guest port " +
             std::to_string(forward.guest_port) +
             (forward.connections == 0 ? "" : ", connections: " + std::to_string(forward.connections))});
  }
  rows.push_back({"agent", live.agent + (live.agent_version.empty() ? "" : " (" + live.agent_version + ")")});
  for (const auto& fact : live.facts) {
    rows.push_back({"fact " + fact.name, (fact.met ? "yes  " : "no   ") + fact.evidence});
  }
}

std::string crash_text(const CrashRecord& crash) {
  static constexpr std::size_t kShown = 8;
  std::string text;
  const auto add = [&text](const char* title, const std::vector<std::string>& lines, std::size_t first) {
    if (lines.empty()) return;
    text += std::string("\n") + title + ":\n";
    for (auto i = first; i < std::min(lines.size(), first + kShown); ++i) text += "  | " + lines[i] + "\n";
  };
  const auto tail = [](const std::vector<std::string>& lines) {
    return lines.size() - std::min(lines.size(), kShown);
  };
  // The kernel's message and where it was called tell more than the registers after them.
  if (crash.console_from == CrashRecord::ConsoleFrom::kPanic) {
    add("its console, from the panic on", crash.console, 0);
  } else {
    add("last lines of its console", crash.console, tail(crash.console));
  }
  add("last lines of its engine", crash.engine, tail(crash.engine));
  return text;
}

std::string advice(const VmView& view) {
  const auto& name = view.directory.name();
  if (!view.advice.empty()) return view.advice;
  return view.live ? view.live->hint : next_step(name, view.seen);
}

Result<int> run_status(Invocation& inv) {
  const auto directory = COVE_TRY(choose_vm(inv));
  auto view = look_at(inv.context(), directory);
  const auto active = COVE_TRY(registry_of(inv.env).active());
  view.current = active && *active == directory.name();
  const auto suspended_size = size_of_suspended(view);
  if (inv.json()) {
    auto json = to_json(view);
    if (suspended_size) {
      json.set("suspended_own_bytes", suspended_size->own);
      json.set("suspended_shared_bytes", suspended_size->shared);
    }
    inv.out.print_json(versioned(json));
    return 0;
  }
  Rows rows{{"name", directory.name().str()}, {"state", std::string(to_string(view.state()))}};
  if (const auto reason = view.reason(); !reason.empty()) rows.push_back({"reason", printable(reason)});
  if (view.config) add_config(rows, view);
  add_saved(rows, view, suspended_size);
  if (view.live) add_live(rows, *view.live);
  rows.push_back({"files", directory.path().string()});
  inv.out.print(printable(format_table(rows)));
  if (!view.live && view.seen.crash) inv.out.print(printable(crash_text(*view.seen.crash)));
  const auto hint = advice(view);
  for (const auto line : split(hint, '\n')) {
    if (!line.empty()) inv.out.note("hint: " + std::string(line));
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kStatusCommand{.name = "status",
                                           .words = "[NAME]",
                                           .summary = "what a VM is doing, and why",
                                           .flags = {},
                                           .word_kind = WordKind::kVm,
                                           .most_words = 1,
                                           .run = run_status};

}  // namespace cove
