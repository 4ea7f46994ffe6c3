#include "model/vm_config.h"

#include <gtest/gtest.h>

#include "model/machine_state.h"

namespace cove {
namespace {

TEST(VmConfig, RoundTripsAndKeepsUnknownMembers) {
  VmConfig config;
  config.cpus = 3;
  config.mac = random_mac();
  config.user = {"alice", "$6$x$y", {"ssh-ed25519 AAAA a@b"}, false};
  config.forwards.push_back({"127.0.0.1", 8080, 80});
  Json json = config.to_json();
  json.set("fromTheFuture", Json::object({{"a", 1}}));
  const auto again = VmConfig::from_json(json);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again->cpus, 3U);
  EXPECT_EQ(again->user, config.user);
  EXPECT_EQ(again->forwards, config.forwards);
  EXPECT_EQ(again->to_json().get("fromTheFuture").get("a").as_int(), 1);
}

TEST(VmConfig, ReadsAFileThatOnlyHasTheOldKeys) {
  const auto config = VmConfig::from_json(*Json::parse(R"({"cpu":4,"memoryGB":8})"));
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->cpus, 4U);
  EXPECT_EQ(config->memory_bytes(), 8ULL << 30U);
}

TEST(VmConfig, NamesTheMemberThatIsWrong) {
  const auto refused = [](const char* text) {
    const auto config = VmConfig::from_json(*Json::parse(text));
    return config.ok() ? std::string() : config.error().message();
  };
  EXPECT_NE(refused(R"({"cpu":0})").find("\"cpu\""), std::string::npos);
  EXPECT_NE(refused(R"({"cpu":"two"})").find("\"cpu\""), std::string::npos);
  EXPECT_NE(refused(R"({"memoryGB":1.5})").find("\"memoryGB\""), std::string::npos);
  EXPECT_NE(refused(R"({"mac":"52:54:00:12:34"})").find("\"mac\""), std::string::npos);
  EXPECT_NE(refused(R"({"rootDisk":"../../etc"})").find("\"rootDisk\""), std::string::npos);
  EXPECT_NE(refused(R"({"version":2})").find("newer"), std::string::npos);
  EXPECT_NE(refused(R"([])").find("object"), std::string::npos);
}

TEST(VmConfig, RandomMacsAreValidAndDiffer) {
  VmConfig config;
  config.mac = random_mac();
  EXPECT_TRUE(config.validate().ok()) << config.mac;
  EXPECT_NE(random_mac(), random_mac());
}

TEST(MachineState, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(MachineState::kBroken); ++i) {
    const auto state = static_cast<MachineState>(i);
    EXPECT_EQ(machine_state_from(to_string(state)), state);
  }
  EXPECT_FALSE(machine_state_from("nonsense").has_value());
}

}  // namespace
}  // namespace cove
