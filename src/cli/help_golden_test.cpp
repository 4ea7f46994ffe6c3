// The help texts as users see them, in tests/golden/help. COVE_TEST_ACCEPT=1 rewrites the files.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "cli/command.h"
#include "cli/help.h"

namespace cove {
namespace {

void expect_golden(const std::string& name, const std::string& text) {
  const auto path = std::filesystem::path(COVE_SOURCE_DIR) / "tests/golden/help" / (name + ".txt");
  if (std::getenv("COVE_TEST_ACCEPT") != nullptr) {
    ASSERT_TRUE(make_directories(path.parent_path()).ok());
    ASSERT_TRUE(write_file_atomic(path, text).ok());
  }
  const auto wanted = read_file(path);
  ASSERT_TRUE(wanted.ok()) << wanted.error().message() << "; tools/dev accept makes it";
  EXPECT_EQ(text, *wanted) << path;
}

TEST(HelpGolden, overview_and_every_command) {
  expect_golden("overview", help_overview());
  for (const auto* command : command_table()) {
    if (command->summary.empty()) continue;
    std::string file(command->name);
    for (auto& c : file) c = c == ' ' ? '_' : c;
    expect_golden(file, help_for(*command));
  }
  for (const auto* group : {"vm", "snapshot", "disk-snapshot", "state", "image", "script", "doctor"}) {
    expect_golden("group_" + std::string(group), help_for_group(group));
  }
}

TEST(HelpGolden, lines_fit_a_terminal_of_a_hundred_columns) {
  for (const auto* command : command_table()) {
    const auto text = help_for(*command);
    std::size_t from = 0;
    while (from < text.size()) {
      const auto end = text.find('\n', from);
      EXPECT_LE(end - from, 100U) << text.substr(from, end - from);
      from = end + 1;
    }
  }
}

}  // namespace
}  // namespace cove
