#include "cli/command_lookup.h"

#include <algorithm>

namespace cove {
namespace {

// How many leading arguments are common flags with their values.
Result<std::size_t> count_leading_flags(const std::vector<std::string>& arguments) {
  std::size_t i = 0;
  while (i < arguments.size() && arguments[i].size() > 1 && arguments[i][0] == '-') {
    const std::string_view argument = arguments[i];
    const auto name = argument.substr(argument[1] == '-' ? 2 : 1);
    const auto bare = name.substr(0, name.find('='));
    const auto flags = common_flags();
    const auto flag = std::find_if(flags.begin(), flags.end(), [&](auto& f) { return f.name == bare; });
    if (flag == flags.end()) {
      return Error(Code::kInvalidArgument, "unknown flag -" + std::string(bare) + " before the command")
          .hint("a command's own flags follow its name; 'cove help' lists the commands");
    }
    i += flag->kind != FlagKind::kSwitch && bare.size() == name.size() ? 2U : 1U;
  }
  return std::min(i, arguments.size());
}

Error unknown_command(std::string_view word) {
  std::vector<std::string> names;
  for (const auto* command : command_table()) {
    if (command->summary.empty()) continue;
    const auto group = group_of(*command);
    names.emplace_back(group.empty() ? command->name : group);
  }
  Error error(Code::kInvalidArgument, "unknown command '" + std::string(word) + "'");
  if (const auto near = nearest(word, names))
    return std::move(error).hint("did you mean 'cove " + *near + "'?");
  return std::move(error).hint("'cove help' lists the commands");
}

Error unknown_member(std::string_view group, const std::string* word) {
  std::vector<std::string> names;
  std::string list;
  for (const auto* command : group_members(group)) {
    names.emplace_back(command->name.substr(group.size() + 1));
    list += (list.empty() ? "" : ", ") + std::string(command->name);
  }
  const auto prefix = "cove " + std::string(group);
  if (word == nullptr)
    return Error(Code::kInvalidArgument, prefix + " needs one more word").hint("one of: " + list);
  Error error(Code::kInvalidArgument, "unknown command '" + std::string(group) + " " + *word + "'");
  if (const auto near = nearest(*word, names))
    return std::move(error).hint("did you mean '" + prefix + " " + *near + "'?");
  return std::move(error).hint("one of: " + list);
}

}  // namespace

const CommandSpec* command_named(std::string_view name) {
  const auto table = command_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](auto* command) { return command->name == name; });
  return found == table.end() ? nullptr : *found;
}

std::string_view group_of(const CommandSpec& command) {
  const auto blank = command.name.find(' ');
  return blank == std::string_view::npos ? std::string_view() : command.name.substr(0, blank);
}

std::vector<const CommandSpec*> group_members(std::string_view group) {
  std::vector<const CommandSpec*> members;
  for (const auto* command : command_table()) {
    if (group_of(*command) == group && !group.empty()) members.push_back(command);
  }
  return members;
}

Result<CommandLine> find_command(const std::vector<std::string>& arguments) {
  const auto first = COVE_TRY(count_leading_flags(arguments));
  CommandLine line;
  line.arguments.assign(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(first));
  const auto rest = [&](std::size_t from) {
    line.arguments.insert(line.arguments.end(), arguments.begin() + static_cast<std::ptrdiff_t>(from),
                          arguments.end());
  };
  if (first == arguments.size()) {
    line.help_wanted = std::any_of(arguments.begin(), arguments.end(),
                                   [](auto& a) { return a == "-help" || a == "--help" || a == "-h"; });
    return line;
  }
  const auto& word = arguments[first];
  if (const auto* command = command_named(word)) {
    line.command = command;
    rest(first + 1);
    return line;
  }
  if (group_members(word).empty()) return unknown_command(word);
  if (first + 1 >= arguments.size()) return unknown_member(word, nullptr);
  const auto& second = arguments[first + 1];
  if (second == "-h" || second == "-help" || second == "--help") {
    line.command = command_named("help");
    line.arguments.push_back(word);
    return line;
  }
  const auto* command = command_named(word + " " + second);
  if (command == nullptr) return unknown_member(word, &second);
  line.command = command;
  rest(first + 2);
  return line;
}

}  // namespace cove
