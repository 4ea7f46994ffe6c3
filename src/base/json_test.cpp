#include "base/json.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

TEST(Json, KeepsOrderNumbersAndText) {
  const std::string text = R"({"z":1,"a":[true,null,-5,18446744073709551615,1.5],"s":"\u00e4\n"})";
  const auto json = Json::parse(text);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->get("a").items()[3].as_uint(), 18446744073709551615ULL);
  EXPECT_EQ(json->get("s").as_string(), "\xc3\xa4\n");
  EXPECT_EQ(*Json::parse(json->dump()), *json);
  EXPECT_LT(json->dump().find("\"z\""), json->dump().find("\"a\""));
}

TEST(Json, RefusesWhatIsNotOneValue) {
  for (const auto* bad : {"", "{", "[1,]", "{} {}", "nul", "\"a", "{\"a\":}", "01"}) {
    EXPECT_EQ(Json::parse(bad).error().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(Json, RefusesAMemberGivenTwice) {
  EXPECT_EQ(Json::parse(R"({"a":{"b":1,"c":2,"b":1}})").error().message(),
            "invalid JSON member \"b\" is given twice");
  EXPECT_FALSE(Json::parse(R"([{"":0,"":null}])").ok());
  EXPECT_TRUE(Json::parse(R"({"a":{"b":1},"b":{"b":1}})").ok());
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_TRUE(Json::parse(std::string(60, '[') + std::string(60, ']')).ok());
  EXPECT_NE(Json::parse(std::string(100000, '[')).error().message().find("nested"), std::string::npos);
}

TEST(Json, FallbacksForOtherTypes) {
  const Json json = *Json::parse(R"({"n":"5","f":2.0,"g":2.5,"neg":-1})");
  EXPECT_EQ(json.get("n").as_int(7), 7);
  EXPECT_EQ(json.get("f").as_int(7), 2);
  EXPECT_EQ(json.get("g").as_int(7), 7);
  EXPECT_EQ(json.get("neg").as_uint(7), 7U);
  EXPECT_TRUE(json.get("missing").get("deeper").is_null());
}

TEST(Json, InvalidUtf8IsReplacedNotThrown) { EXPECT_NE(Json("a\xff").dump().find('a'), std::string::npos); }

}  // namespace
}  // namespace cove
