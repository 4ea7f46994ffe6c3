#include <array>
#include <cstdio>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "cli/vm_fork.h"

namespace cove {
namespace {

constexpr std::uint64_t kMostForks = 256;

constexpr std::array<FlagSpec, 2> kForkFlags{{
    {"count", FlagKind::kCount, "N", "so many forks, named NEW-1 to NEW-N", "1"},
    {"keep-identity", FlagKind::kSwitch, "",
     "leave host name, machine id, MAC address and SSH host keys as they are", ""},
}};

Result<std::vector<VmName>> fork_names(const std::string& name, std::uint64_t count, bool counted) {
  std::vector<VmName> names;
  if (!counted) {
    names.push_back(COVE_TRY(VmName::parse(name)));
    return names;
  }
  for (std::uint64_t i = 1; i <= count; ++i)
    names.push_back(COVE_TRY(VmName::parse(name + "-" + std::to_string(i))));
  return names;
}

std::string text_of(const std::string& name, const std::string& source, const VmMaking& making) {
  const bool clone = making.how == VmMaking::How::kClone;
  std::string text = name + (clone ? ": booting from the disk of " : ": running, a fork of ") + source;
  if (making.stood_still.count() == 0) return text;
  char still[64];
  std::snprintf(still, sizeof still, " (which stood still %.0f ms)",
                static_cast<double>(making.stood_still.count()) / 1000);
  return text + still;
}

Result<int> run_fork(Invocation& inv) {
  const bool counted = inv.flags.given("count");
  const auto count = *inv.flags.count("count");
  if (count < 1 || count > kMostForks) return inv.usage("-count is 1 to " + std::to_string(kMostForks));
  auto names = fork_names(inv.flags.words[1], count, counted);
  if (!names.ok()) return inv.usage(std::move(names).error());
  const auto source = COVE_TRY(parse_fork_source(inv.env, inv.flags.words[0]));
  for (const auto& name : *names) {
    if (VmDirectory(Home(inv.env.home), name).exists())
      return Error(Code::kAlreadyExists, "a vm named \"" + name.str() + "\" exists already");
  }
  auto progress = make_progress(inv.env.err);
  const auto identity =
      inv.flags.is_set("keep-identity") ? VmForker::Identity::kKept : VmForker::Identity::kNew;
  const auto making = COVE_TRY(plan_copies(inv.context(), inv.env, source, identity));
  COVE_TRY(fork_vms(inv.context(), inv.env, *names, making, *progress));
  progress.reset();
  for (const auto& name : *names) {
    Json details = Json::object({{"source", inv.flags.words[0]}});
    if (making.stood_still.count() != 0)
      details.set("source_stood_still_us", static_cast<std::uint64_t>(making.stood_still.count()));
    inv.tell({.vm = name.str(),
              .done = "forked",
              .state = "running",
              .text = text_of(name.str(), inv.flags.words[0], making),
              .details = std::move(details)});
  }
  return 0;
}

}  // namespace

constinit const CommandSpec kForkCommand{.name = "fork",
                                         .words = "SOURCE[@SNAPSHOT] NEW",
                                         .summary = "a running copy of a VM, with what runs in it",
                                         .flags = kForkFlags,
                                         .word_kind = WordKind::kVm,
                                         .least_words = 2,
                                         .most_words = 2,
                                         .vm_flag = VmFlag::kRefused,
                                         .run = run_fork};

}  // namespace cove
