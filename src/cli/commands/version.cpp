#include "cli/version.h"
#include "base/strings.h"
#include "cli/commands/commands.h"

namespace cove {
namespace {

Result<int> run_version(Invocation& inv) {
  if (inv.json()) {
    inv.out.print_json(Json::object({{"version", 1},
                                     {"cove", version_number()},
                                     {"commit", version_commit()},
                                     {"commit_date", version_date()}}));
  } else {
    inv.out.print_line("cove " + std::string(version_number()) + " (" + std::string(version_commit()) + ", " +
                       std::string(version_date()) + ")");
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kVersionCommand{.name = "version",
                                            .words = "",
                                            .summary = "which cove this is",
                                            .flags = {},
                                            .vm_flag = VmFlag::kRefused,
                                            .run = run_version};

}  // namespace cove
