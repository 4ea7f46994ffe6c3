#include <array>

#include "cli/commands/commands.h"
#include "cli/progress_line.h"
#include "provision/vm_forker.h"

namespace cove {
namespace {

constexpr std::array<FlagSpec, 2> kCloneFlags{{
    {"linked", FlagKind::kSwitch, "", "share the disk's content until one of them changes it", ""},
    {"keep-identity", FlagKind::kSwitch, "",
     "leave host name, machine id, MAC address and SSH host keys as they are", ""},
}};

Result<int> run_clone(Invocation& inv) {
  auto source = VmName::parse(inv.flags.words[0]);
  if (!source.ok()) return inv.usage(std::move(source).error());
  auto name = VmName::parse(inv.flags.words[1]);
  if (!name.ok()) return inv.usage(std::move(name).error());
  const bool linked = inv.flags.is_set("linked");
  auto progress = make_progress(inv.env.err);
  progress->step("cloning " + source->str());
  VmForker forker{Home(inv.env.home)};
  COVE_TRY(forker.clone(
      inv.context(),
      {.source = *source,
       .name = *name,
       .depth = linked ? VmForker::Depth::kLinked : VmForker::Depth::kFull,
       .identity = inv.flags.is_set("keep-identity") ? VmForker::Identity::kKept : VmForker::Identity::kNew},
      *progress));
  progress.reset();
  inv.tell({.vm = name->str(),
            .done = "cloned",
            .state = "stopped",
            .text = name->str() + ": a " + (linked ? "linked " : "") + "clone of " + source->str(),
            .details = Json::object({{"source", source->str()}, {"linked", linked}})});
  return 0;
}

}  // namespace

constinit const CommandSpec kCloneCommand{.name = "clone",
                                          .words = "SOURCE NEW",
                                          .summary = "a copy of a stopped VM's disk as a new VM",
                                          .flags = kCloneFlags,
                                          .word_kind = WordKind::kVm,
                                          .least_words = 2,
                                          .most_words = 2,
                                          .vm_flag = VmFlag::kRefused,
                                          .run = run_clone};

}  // namespace cove
