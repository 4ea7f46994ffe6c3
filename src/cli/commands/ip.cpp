#include "cli/commands/commands.h"
#include "cli/vm_choice.h"
#include "cli/vm_view.h"

namespace cove {
namespace {

Result<int> run_ip(Invocation& inv) {
  const auto directory = COVE_TRY(choose_vm(inv));
  const auto live = COVE_TRY(ask_status(inv.context().with_timeout(std::chrono::seconds(10)), directory));
  if (live.ip.empty()) {
    return Error(Code::kFailedPrecondition,
                 "vm \"" + directory.name().str() + "\" has no address: its network is " + live.network);
  }
  if (inv.json()) {
    Json forwards = Json::array();
    for (const auto& f : live.forwards) {
      forwards.push_back(Json::object(
          {{"host_address", f.host_address}, {"host_port", f.host_port}, {"guest_port", f.guest_port}}));
    }
    inv.out.print_json(Json::object({{"version", 1},
                                     {"name", directory.name().str()},
                                     {"ip", live.ip},
                                     {"forwards", std::move(forwards)}}));
  } else {
    inv.out.print_line(printable(live.ip));
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kIpCommand{.name = "ip",
                                       .words = "[NAME]",
                                       .summary = "the address of a running VM",
                                       .flags = {},
                                       .word_kind = WordKind::kVm,
                                       .most_words = 1,
                                       .run = run_ip};

}  // namespace cove
