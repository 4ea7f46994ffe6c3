// How a VM that does not run begins when it is started: it boots, or goes on from what it was suspended with;
// and what the user is told of that. Blocking; one thread.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "control/launcher.h"
#include "store/vm_directory.h"

namespace cove {

struct VmBeginning {
  enum class How : unsigned char {
    kBoots,
    kGoesOn,     // it is suspended
    kBootsCold,  // it is suspended, and is not to go on from that
  } how = How::kBoots;
  std::string state{};                     // that it is suspended with
  std::vector<std::string> differences{};  // kGoesOn: as saved_machine.h says
};

// Before the start.
VmBeginning look_at_beginning(const VmDirectory& vm, LaunchRequest::Beginning wish);
// -no-resume, or -cold-boot.
LaunchRequest::Beginning beginning_wish(const Invocation& inv);

// On standard error, before the start: that the machine is not what the configuration says.
void note_differences(Invocation& inv, const VmDirectory& vm, const VmBeginning& beginning);
// kBootsCold, after the start: the snapshot that the state was kept as; empty if it was one before.
std::string kept_aside_as(const VmDirectory& vm, const VmBeginning& beginning);
// The error of a start that failed. What a cold boot was to keep is kept already.
Error start_error(const VmDirectory& vm, const VmBeginning& beginning, Error why);
// After the start: "web: running", "web: goes on"; `done` and members say the same for programs.
Deed started_deed(const VmDirectory& vm, const VmBeginning& beginning);

}  // namespace cove
