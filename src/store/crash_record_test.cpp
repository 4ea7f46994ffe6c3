#include "store/crash_record.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

TEST(CrashRecord, IsReadAsItWasWritten) {
  const CrashRecord record{.at = "2026-01-02T03:04:05Z",
                           .reason = "QEMU ended (killed by signal 9)",
                           .console = {"login:"},
                           .console_from = CrashRecord::ConsoleFrom::kPanic,
                           .engine = {"qemu: oops"},
                           .monitor = {"> {\"execute\":\"cont\"}", "< {\"return\":{}}"}};
  const CrashRecord again = CrashRecord::from_json(record.to_json());
  EXPECT_EQ(again.at, record.at);
  EXPECT_EQ(again.reason, record.reason);
  EXPECT_EQ(again.console, record.console);
  EXPECT_EQ(again.engine, record.engine);
  EXPECT_EQ(again.monitor, record.monitor);
  EXPECT_EQ(again.console_from, record.console_from);
}

TEST(CrashRecord, KeepsTheLastLinesAndTheirBeginningsOnly) {
  CrashRecord record;
  for (int i = 0; i < 1000; ++i) record.monitor.push_back(std::to_string(i) + std::string(100'000, 'x'));
  record.console = record.engine = record.monitor;
  EXPECT_LT(record.to_json().dump().size(),
            3 * CrashRecord::kMaxLines * (CrashRecord::kMaxLineBytes + 8) + 200);
  const CrashRecord again = CrashRecord::from_json(record.to_json());
  ASSERT_EQ(again.monitor.size(), CrashRecord::kMaxLines);
  EXPECT_EQ(again.monitor.front().substr(0, 4), "960x");
  EXPECT_EQ(again.monitor.back().size(), CrashRecord::kMaxLineBytes);
}

TEST(CrashRecord, WrongTypesAreEmpty) {
  const auto json = Json::parse(R"({"at":7,"reason":[],"console":"x","engine":[1,{}],"monitor":null})");
  ASSERT_TRUE(json.ok());
  const CrashRecord record = CrashRecord::from_json(*json);
  EXPECT_TRUE(record.reason.empty());
  EXPECT_TRUE(record.console.empty());
  EXPECT_EQ(record.engine, (std::vector<std::string>{"", ""}));
}

}  // namespace
}  // namespace cove
