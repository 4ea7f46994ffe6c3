// What a guest is told at each appearance, on an agent that only holds files.
#include "supervisor/agent_greeting.h"

#include <gtest/gtest.h>

#include <map>

namespace cove {
namespace {

using Files = std::map<std::string, std::string, std::less<>>;

class FileAgent final : public GuestAgentClient {
 public:
  explicit FileAgent(Files& files) : files_(files) {}
  Result<std::string> read_file(const OpContext&, std::string_view path, std::uint64_t) override {
    const auto file = files_.find(path);
    if (file == files_.end()) return Error(Code::kNotFound, std::string(path));
    return file->second;
  }
  Result<void> write_file(const OpContext&, std::string_view path, std::string_view bytes,
                          std::uint32_t) override {
    files_[std::string(path)] = bytes;
    return {};
  }
  Result<void> set_clock(const OpContext&) override { return {}; }
  Result<void> ensure_user(const OpContext&, const GuestUser&) override { return {}; }
  Result<void> set_hostname(const OpContext&, std::string_view) override { return {}; }
  Result<std::uint64_t> grow_root(const OpContext&) override { return std::uint64_t{1} << 30U; }

  // None of these belongs to a greeting.
  Result<AgentHello> hello(const OpContext&, Realm) override { return unexpected(); }
  Result<std::chrono::nanoseconds> ping(const OpContext&) override { return unexpected(); }
  Result<AgentInfo> info(const OpContext&) override { return unexpected(); }
  Result<ExecResult> exec(const OpContext&, Realm, const ExecRequest&, std::string_view) override {
    return unexpected();
  }
  Result<ExecEnd> exec_stream(const OpContext&, Realm, const ExecRequest&, ExecSink&) override {
    return unexpected();
  }
  Result<std::unique_ptr<ExecSession>> attach(const OpContext&, Realm, const ExecRequest&) override {
    return unexpected();
  }
  Result<void> make_directory(const OpContext&, std::string_view, std::uint32_t) override {
    return unexpected();
  }
  Result<void> sync(const OpContext&) override { return unexpected(); }
  Result<std::vector<ItemOutcome>> set_identity(const OpContext&, const NewIdentity&) override {
    return unexpected();
  }
  Result<std::vector<ItemOutcome>> freeze_filesystems(const OpContext&, std::chrono::milliseconds) override {
    return unexpected();
  }
  Result<ThawOutcome> thaw_filesystems(const OpContext&) override { return unexpected(); }
  Result<void> shutdown(const OpContext&, Force) override { return unexpected(); }
  Result<void> reboot(const OpContext&) override { return unexpected(); }

 private:
  static Error unexpected() { return {Code::kInternal, "no part of a greeting"}; }
  Files& files_;
};

// The guest's files after a greeting, and its facts.
std::vector<FactState> greet(Files& files, const std::string& address) {
  GreetingOptions options;
  options.hostname = "web";
  options.user.name = "ann";
  options.guest_address = address;
  FactBoard facts(fact_names_for(options));
  FileAgent agent(files);
  SystemClock clock;
  EXPECT_TRUE(greet_agent({}, agent, options, facts, clock).ok());
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
