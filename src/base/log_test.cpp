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

}  // namespace
}  // namespace cove
