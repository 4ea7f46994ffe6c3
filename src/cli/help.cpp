#include "cli/help.h"

#include <algorithm>

#include "cli/command_lookup.h"

namespace cove {
namespace {

std::string flag_usage(const FlagSpec& flag) {
  auto text = "-" + std::string(flag.name);
  if (flag.kind != FlagKind::kSwitch) text += " " + std::string(flag.value);
  return text;
}

std::string flag_lines(std::span<const FlagSpec> flags) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& flag : flags) {
    if (flag.summary.empty()) continue;
    auto summary = std::string(flag.summary);
    if (!flag.default_value.empty()) summary += " (default " + std::string(flag.default_value) + ")";
    rows.push_back({"  " + flag_usage(flag), summary});
  }
  return format_table(rows);
}

}  // namespace

std::string usage_line(const CommandSpec& command) {
  auto line = "cove " + std::string(command.name);
  const bool has_flags = std::any_of(command.flags.begin(), command.flags.end(),
                                     [](auto& flag) { return !flag.summary.empty(); });
  if (has_flags) line += " [flags]";
  if (!command.words.empty()) line += " " + std::string(command.words);
  return line;
}

std::string help_for(const CommandSpec& command) {
  std::string topic(command.name);
  std::replace(topic.begin(), topic.end(), ' ', '_');
  auto text = "usage: " + usage_line(command) + "\n\n" + std::string(help_text(topic));
  if (const auto lines = flag_lines(command.flags); !lines.empty()) text += "\nFlags:\n" + lines;
  text += "\nFlags of every command:\n" + flag_lines(common_flags());
  return text;
}

std::string help_for_group(std::string_view group) {
  std::vector<std::vector<std::string>> rows;
  for (const auto* command : group_members(group)) {
    rows.push_back({"  " + usage_line(*command), std::string(command->summary)});
  }
  return "usage: cove " + std::string(group) + " COMMAND\n\n" + format_table(rows);
}

std::string help_overview() {
  std::vector<std::vector<std::string>> rows;
  for (const auto* command : command_table()) {
    if (!command->summary.empty())
      rows.push_back({"  " + std::string(command->name), std::string(command->summary)});
  }
  return std::string(help_text("overview")) + "\nCommands:\n" + format_table(rows) +
         "\n'cove help COMMAND' says more about one; 'cove help TOPIC' about: exit-status, flags, names, "
         "states.\n";
}

}  // namespace cove
