#include "wire/qmp_message.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

constexpr std::string_view kConversation =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"x\"},"
    " \"capabilities\": [\"oob\"]}}\r\n"
    "{\"return\": {}, \"id\": 1}\r\n"
    "\r\n"
    "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"SHUTDOWN\", \"data\": {\"guest\": "
    "true}}\r\n"
    "{\"id\": 2, \"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such thing\"}}\r\n"
    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n";

void expect_conversation(const std::vector<QmpMessage>& messages) {
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(std::get<QmpGreeting>(messages[0]).version, "7.2.22");
  EXPECT_EQ(std::get<QmpReply>(messages[1]).id, 1U);
  EXPECT_FALSE(std::get<QmpReply>(messages[1]).error);
  EXPECT_EQ(std::get<QmpEvent>(messages[2]).name, "SHUTDOWN");
  EXPECT_TRUE(std::get<QmpEvent>(messages[2]).data.get("guest").as_bool());
  const auto& failed = std::get<QmpReply>(messages[3]);
  EXPECT_EQ(failed.id, 2U);
  EXPECT_EQ(failed.error->code(), Code::kNotFound);
  EXPECT_EQ(failed.error->message(), "no such thing");
  EXPECT_FALSE(std::get<QmpReply>(messages[4]).id);
}

TEST(QmpParser, ReadsAWholeConversationAtOnce) {
  QmpParser parser;
  std::vector<QmpMessage> messages;
  ASSERT_TRUE(parser.push(kConversation, messages).ok());
  expect_conversation(messages);
}

TEST(QmpParser, ReadsItByteByByte) {
  QmpParser parser;
  std::vector<QmpMessage> messages;
  for (const char& c : kConversation) ASSERT_TRUE(parser.push({&c, 1}, messages).ok());
  expect_conversation(messages);
}

TEST(QmpParser, StaysFailedAfterNonsense) {
  for (const std::string_view line : {"hello\n", "[]\n", "{}\n", "{\"QMP\":1}\n", "{\"event\":7}\n",
                                      "{\"return\":{}\n", "{\"a\":1}{\"b\":2}\n"}) {
    QmpParser parser;
    std::vector<QmpMessage> messages;
    EXPECT_FALSE(parser.push(line, messages).ok()) << line;
    EXPECT_FALSE(parser.push("{\"return\":{},\"id\":1}\n", messages).ok()) << line;
    EXPECT_TRUE(messages.empty());
  }
}

TEST(QmpParser, LimitsTheLengthOfALine) {
  QmpParser parser;
  std::vector<QmpMessage> messages;
  const std::string block(std::size_t{1} << 20U, ' ');
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(parser.push(block, messages).ok());
  EXPECT_FALSE(parser.push(" ", messages).ok());
}

TEST(QmpCommand, IsOneLine) {
  EXPECT_EQ(qmp_command("cont", {}, 7), "{\"execute\":\"cont\",\"id\":7}\r\n");
  EXPECT_EQ(qmp_command("x", Json::object({{"a", "b\n"}}), 8),
            "{\"execute\":\"x\",\"arguments\":{\"a\":\"b\\n\"},\"id\":8}\r\n");
}

}  // namespace
}  // namespace cove
