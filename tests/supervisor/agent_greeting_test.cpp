// What a guest is told at each appearance, on an agent that only holds files.
#include "supervisor/agent_greeting.h"

#include <gtest/gtest.h>

#include "recording_agent.h"

namespace cove {
namespace {

using Files = std::map<std::string, std::string, std::less<>>;

// The guest's files after a greeting, and its facts.
std::vector<FactState> greet(Files& files, const std::string& address) {
  GreetingOptions options;
  options.hostname = "web";
  options.user.name = "ann";
  options.guest_address = address;
  FactBoard facts(fact_names_for(options));
  AgentNotes notes;
  notes.files = files;
  RecordingAgent agent(notes);
  SystemClock clock;
  EXPECT_TRUE(greet_agent({}, agent, options, facts, clock).ok());
  files = notes.files;
  return facts.all();
}

TEST(AgentGreeting, a_guest_without_a_network_has_no_name_server) {
  Files files{{"/etc/resolv.conf", "nameserver 10.0.2.3\n"}};
  greet(files, "");
  EXPECT_EQ(files["/etc/resolv.conf"].find("nameserver"), std::string::npos) << files["/etc/resolv.conf"];
  // With a network again it gets it back.
  files["/proc/net/fib_trie"] = "  |-- 10.0.2.15\n";
  greet(files, "10.0.2.15");
  EXPECT_EQ(files["/etc/resolv.conf"], "nameserver 10.0.2.3\n");
}

TEST(AgentGreeting, a_name_server_of_the_user_s_own_stays) {
  Files files{{"/etc/resolv.conf", "nameserver 192.0.2.1\n"}};
  greet(files, "");
  EXPECT_EQ(files["/etc/resolv.conf"], "nameserver 192.0.2.1\n");
}

TEST(AgentGreeting, every_fact_has_evidence_before_and_after) {
  GreetingOptions options;
  options.user.name = "ann";
  options.guest_address = "10.0.2.15";
  for (const auto& state : FactBoard(fact_names_for(options)).all()) {
    EXPECT_FALSE(state.met);
    EXPECT_FALSE(state.evidence.empty()) << state.name;
  }
  Files files;
  for (const auto& state : greet(files, "")) EXPECT_FALSE(state.evidence.empty()) << state.name;
}

}  // namespace
}  // namespace cove
