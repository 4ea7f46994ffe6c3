#include "base/log.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"

namespace cove {
namespace {

TEST(Log, WritesJsonLinesWithoutSecrets) {
  const TempDir temp = std::move(TempDir::create("/tmp", "cove-log-")).value();
  ASSERT_TRUE(log_to_file(temp.path() / "log", LogLevel::kInfo).ok());
  log_info("started", {{"vm", "one\n"}, {"Auth_Token", "abc"}});
  log_debug("too quiet to hear");
  const auto text = read_file(temp.path() / "log");
  ASSERT_TRUE(text.ok());
  const auto line = Json::parse(*text);
  ASSERT_TRUE(line.ok()) << *text;
  EXPECT_EQ(line->get("level").as_string(), "info");
  EXPECT_EQ(line->get("vm").as_string(), "one\n");
  EXPECT_EQ(line->get("Auth_Token").as_string(), "***");
}

TEST(Log, KeepsOneOldFileAndEveryLineOfBoth) {
  const TempDir temp = std::move(TempDir::create("/tmp", "cove-log-")).value();
  const auto path = temp.path() / "log";
  ASSERT_TRUE(write_file_atomic(path, "an earlier run\n").ok());
  ASSERT_TRUE(log_to_file(path, LogLevel::kInfo).ok());
  const std::string filler(std::size_t{1} << 20U, 'x');
  for (int i = 0; i < 5; i++) log_info("line " + std::to_string(i) + ".", {{"filler", filler}});
  const std::string old = read_file(path.string() + ".1").value();
  const std::string now = read_file(path).value();
  EXPECT_LE(old.size(), std::size_t{4} << 20U);
  EXPECT_TRUE(old.starts_with("an earlier run\n"));
  for (const char* line : {"line 0.", "line 1.", "line 2."})
    EXPECT_NE(old.find(line), std::string::npos) << line;
  for (const char* line : {"line 3.", "line 4."}) EXPECT_NE(now.find(line), std::string::npos) << line;
}

}  // namespace
}  // namespace cove
