// The help texts, made from the command table and the commands' .md files. Pure.
#pragma once

#include <string>

#include "cli/command.h"

namespace cove {

std::string help_overview();
std::string help_for(const CommandSpec& command);
// A group's members with their summaries.
std::string help_for_group(std::string_view group);
// The same for programs: a command with its flags; a list of commands.
Json help_json(const CommandSpec& command);
Json help_json(const std::vector<const CommandSpec*>& commands);
// "cove set [NAME] [flags]"
std::string usage_line(const CommandSpec& command);
// The text of commands/TOPIC.md, blanks of a command's name as '_'; empty if there is none. Generated.
std::string_view help_text(std::string_view topic);

}  // namespace cove
