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

std::string flag_lines(std::span<const FlagSpec> flags, std::string_view left_out = {}) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& flag : flags) {
    if (flag.summary.empty() || flag.name == left_out) continue;
    auto summary = std::string(flag.summary);
    if (!flag.default_value.empty()) summary += " (default " + std::string(flag.default_value) + ")";
    rows.push_back({"  " + flag_usage(flag), summary});
  }
  return format_table(rows);
}

std::string_view refused_flag(const CommandSpec& command) {
  return command.vm_flag == VmFlag::kRefused ? "vm" : std::string_view();
}

Json flags_json(const CommandSpec& command) {
  Json list = Json::array();
  for (const auto* flag : flags_of(command)) {
    if (flag->summary.empty() || flag->name == refused_flag(command)) continue;
    Json item = Json::object({{"name", flag->name}, {"summary", flag->summary}});
    if (flag->kind != FlagKind::kSwitch) item.set("value", flag->value);
    if (!flag->default_value.empty()) item.set("default", flag->default_value);
    list.push_back(std::move(item));
  }
  return list;
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
  text += "\nFlags of every command:\n" + flag_lines(common_flags(), refused_flag(command));
  return text;
}

std::string help_for_group(std::string_view group) {
  std::vector<std::vector<std::string>> rows;
  for (const auto* command : group_members(group)) {
    rows.push_back({"  " + usage_line(*command), std::string(command->summary)});
  }
  return "usage: cove " + std::string(group) + " COMMAND\n\n" + format_table(rows) + "\n" +
         std::string(help_text("group_" + std::string(group))) + "\n'cove help " +
         std::string(group_members(group).front()->name) + "' says more about one, and so for the others.\n";
}

Json help_json(const CommandSpec& command) {
  return Json::object({{"name", command.name},
                       {"usage", usage_line(command)},
                       {"summary", command.summary},
                       {"flags", flags_json(command)},
                       {"text", help_for(command)}});
}

Json help_json(const std::vector<const CommandSpec*>& commands) {
  Json list = Json::array();
  for (const auto* command : commands) {
    if (!command->summary.empty())
      list.push_back(Json::object(
          {{"name", command->name}, {"usage", usage_line(*command)}, {"summary", command->summary}}));
  }
  return list;
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
