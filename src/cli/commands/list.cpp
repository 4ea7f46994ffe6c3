#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "cli/vm_view.h"

namespace cove {
namespace {

std::vector<std::string> row_of(const VmView& view) {
  const auto& config = view.config;
  return {view.directory.name().str() + (view.current ? " *" : ""),
          std::string(to_string(view.state())),
          config ? std::to_string(config->cpus) : "-",
          config ? std::to_string(config->memory_gb) + " GB" : "-",
          disk_text(view),
          config ? config->image : "-",
          config ? config->created_at.substr(0, 10) : "-"};
}

Result<int> run_list(Invocation& inv) {
  const auto registry = registry_of(inv.env);
  const auto active = COVE_TRY(registry.active());
  Json elements = Json::array();
  std::vector<std::vector<std::string>> rows{{"NAME", "STATE", "CPU", "MEMORY", "DISK", "IMAGE", "CREATED"}};
  std::string notes;
  std::vector<VmDirectory> all;
  for (const auto& name : COVE_TRY(registry.list())) all.emplace_back(registry.home(), name);
  for (auto& view : look_at_all(inv.context(), all)) {
    const auto& name = view.directory.name();
    view.current = active && *active == name;
    elements.push_back(to_json(view));
    rows.push_back(row_of(view));
    if (const auto reason = view.reason(); !reason.empty())
      notes += name.str() + ": " + printable(reason) + "\n";
  }
  if (inv.json()) {
    inv.out.print_json(Json::object({{"version", 1}, {"vms", std::move(elements)}}));
  } else if (rows.size() == 1) {
    inv.out.note("There is no VM yet. Make one: cove up");
  } else {
    inv.out.print(format_table(rows));
    if (!notes.empty()) inv.out.print("\n" + notes);
  }
  return 0;
}

constexpr CommandSpec list_spec(std::string_view name) {
  return {.name = name,
          .words = "",
          .summary = "list the VMs and their states",
          .flags = {},
          .vm_flag = VmFlag::kRefused,
          .run = run_list};
}

}  // namespace

constinit const CommandSpec kListCommand = list_spec("list");
constinit const CommandSpec kVmListCommand = list_spec("vm list");

}  // namespace cove
