#include <algorithm>

#include "base/strings.h"
#include "cli/commands/commands.h"
#include "cli/host_checks.h"

namespace cove {
namespace {

Result<int> run_doctor_host(Invocation& inv) {
  const auto checks = check_host(inv.context(), inv.env);
  COVE_TRY(inv.context().check());
  const bool failed =
      std::any_of(checks.begin(), checks.end(), [](auto& c) { return c.verdict == Verdict::kFail; });
  if (inv.json()) {
    Json list = Json::array();
    for (const auto& check : checks) {
      Json item = Json::object({{"name", check.name},
                                {"verdict", to_lower(to_string(check.verdict))},
                                {"finding", check.finding}});
      if (!check.cure.empty()) item.set("cure", check.cure);
      list.push_back(std::move(item));
    }
    inv.out.print_json(Json::object({{"version", 1}, {"ok", !failed}, {"checks", std::move(list)}}));
    return failed ? 1 : 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& check : checks) {
    rows.push_back({std::string(to_string(check.verdict)), check.name, check.finding});
    if (!check.cure.empty()) rows.push_back({"", "", "cure: " + check.cure});
  }
  inv.out.print(printable(format_table(rows)));
  return failed ? 1 : 0;
}

}  // namespace

constinit const CommandSpec kDoctorHostCommand{.name = "doctor host",
                                               .words = "",
                                               .summary = "check whether this host can run VMs",
                                               .flags = {},
                                               .vm_flag = VmFlag::kRefused,
                                               .run = run_doctor_host};

}  // namespace cove
