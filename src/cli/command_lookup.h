// Finding the command in a command line. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace cove {

struct CommandLine {
  const CommandSpec* command = nullptr;  // nullptr: no command word at all
  std::vector<std::string> arguments;    // everything but the command's words, order kept
  bool help_wanted = false;              // -help with no command
};

// Common flags may stand before the command. kInvalidArgument for an unknown command or group member (with
// the nearest one as hint), or a flag before the command that is not a common one.
Result<CommandLine> find_command(const std::vector<std::string>& arguments);
// By its full name ("vm rename"); nullptr if there is none.
const CommandSpec* command_named(std::string_view name);
// "vm" for "vm rename"; empty for a command of one word.
std::string_view group_of(const CommandSpec& command);
// The members of a group, in table order; empty if there is no such group.
std::vector<const CommandSpec*> group_members(std::string_view group);

}  // namespace cove
