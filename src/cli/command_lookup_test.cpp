#include "cli/command_lookup.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cli/completion.h"
#include "cli/help.h"

namespace cove {
namespace {

using Words = std::vector<std::string>;

TEST(CommandLookup, finds_commands_of_one_and_two_words) {
  EXPECT_EQ(find_command({"list"})->command->name, "list");
  EXPECT_EQ(find_command({"vm", "rename", "a", "b"})->command->name, "vm rename");
  EXPECT_EQ(find_command({"vm", "rename", "a", "b"})->arguments, (Words{"a", "b"}));
}

TEST(CommandLookup, common_flags_may_come_first) {
  const auto line = find_command({"-vm", "web", "--json", "status"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->command->name, "status");
  EXPECT_EQ(line->arguments, (Words{"-vm", "web", "--json"}));
  EXPECT_FALSE(find_command({"-cpu", "4", "up"}).ok());
  EXPECT_EQ(find_command({})->command, nullptr);
  EXPECT_TRUE(find_command({"--help"})->help_wanted);
}

TEST(CommandLookup, unknown_words_get_the_nearest) {
  EXPECT_EQ(find_command({"lsit"}).error().hint_text(), "did you mean 'cove list'?");
  EXPECT_EQ(find_command({"vm", "renam"}).error().hint_text(), "did you mean 'cove vm rename'?");
  EXPECT_EQ(find_command({"image"}).error().hint_text(), "one of: image list, image build, image rm");
}

TEST(CommandTable, every_command_can_run_and_is_documented_with_an_example) {
  std::set<std::string_view> names;
  for (const auto* command : command_table()) {
    EXPECT_TRUE(names.insert(command->name).second) << command->name;
    EXPECT_NE(command->run, nullptr);
    EXPECT_LE(command->least_words, command->most_words);
    if (command->summary.empty()) continue;
    std::string topic(command->name);
    for (auto& c : topic) c = c == ' ' ? '_' : c;
    EXPECT_NE(help_text(topic).find("Examples:\n  "), std::string_view::npos) << topic;
  }
}

TEST(CommandTable, every_group_says_what_it_is_with_examples_and_where_to_read_on) {
  for (const auto* command : command_table()) {
    const auto group = group_of(*command);
    if (group.empty()) continue;
    const auto text = help_for_group(group);
    EXPECT_NE(text.find("Examples:\n  cove " + std::string(group) + " "), std::string::npos) << text;
    EXPECT_NE(text.find("'cove help " + std::string(group) + " "), std::string::npos) << text;
  }
}

TEST(CommandTable, a_flag_means_the_same_kind_of_thing_everywhere) {
  std::map<std::string_view, FlagKind> kinds;
  for (const auto* command : command_table()) {
    for (const auto* flag : flags_of(*command)) {
      const auto [entry, fresh] = kinds.emplace(flag->name, flag->kind);
      EXPECT_EQ(entry->second, flag->kind) << command->name << " -" << flag->name;
    }
  }
}

class CompletionTest : public ::testing::Test {
 protected:
  Words complete_words(const Words& words) {
    return complete(words, {.vms =
                                [] {
                                  return Words{"default", "db", "web"};
                                },
                            .images = [] { return Words{"debian:12"}; },
                            .snapshots = [](const std::string& vm) { return Words{"base-of-" + vm}; }});
  }
};

TEST_F(CompletionTest, commands_and_group_members) {
  EXPECT_EQ(complete_words({"st"}), (Words{"status", "stop", "state"}));
  EXPECT_EQ(complete_words({"vm", "re"}), Words{"rename"});
  EXPECT_EQ(complete_words({"help", "exi"}), Words{"exit-status"});
}

TEST_F(CompletionTest, snapshots_are_those_of_the_vm_that_is_named) {
  EXPECT_EQ(complete_words({"snapshot", "delete", "-vm", "web", "b"}), Words{"base-of-web"});
  EXPECT_EQ(complete_words({"-vm=db", "snapshot", "show", ""}), Words{"base-of-db"});
  EXPECT_EQ(complete_words({"snapshot", "restore", ""}), Words{"base-of-"});
  EXPECT_EQ(complete_words({"snapshot", "save", ""}), Words{});
}

TEST_F(CompletionTest, vm_names_flags_and_values) {
  EXPECT_EQ(complete_words({"stop", "d"}), (Words{"default", "db"}));
  EXPECT_EQ(complete_words({"-vm", "w"}), Words{"web"});
  EXPECT_EQ(complete_words({"up", "-disk"}), Words{"-disk-size"});
  EXPECT_EQ(complete_words({"up", "--disk"}), Words{"-disk-size"});
  EXPECT_EQ(complete_words({"wait", "-for", "a"}), Words{"agent"});
  EXPECT_EQ(complete_words({"up", "-setup-script", ""}), Words{":files"});
  EXPECT_EQ(complete_words({"completion", ""}), (Words{"bash", "zsh", "fish"}));
  EXPECT_TRUE(complete_words({"exec", "--", "-"}).empty());
  EXPECT_EQ(complete_words({"image", "rm", ""}), Words{"debian:12"}) << "only what can be removed";
  EXPECT_EQ(complete_words({"image", "build", ""}), (Words{"debian:12", "debian:12-full"}));
  EXPECT_EQ(complete_words({"stop", "-vm"}), Words{"-vm"});
  EXPECT_TRUE(complete_words({"list", "-vm"}).empty());
}

}  // namespace
}  // namespace cove
