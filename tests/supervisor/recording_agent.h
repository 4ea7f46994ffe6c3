// RecordingAgent: a guest's agent that holds files and notes what it is told. Any thread; `calls` and `files`
// are shared with the test, which outlives it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/guest_agent_client.h"
#include "base/guarded.h"

namespace cove {

struct AgentNotes {
  Guarded<std::vector<std::string>> calls;
  std::map<std::string, std::string, std::less<>> files;
  NewIdentity identity;  // the last one it was given
  // Called within set_identity; its error is the answer.
  std::function<Result<void>(const OpContext&)> on_identity = [](const OpContext&) { return Result<void>(); };

  void note(const std::string& call) {
    calls.with([&](auto& all) { all.push_back(call); });
  }
  std::vector<std::string> all() const {
    return calls.read([](const auto& list) { return list; });
  }
};

class RecordingAgent final : public GuestAgentClient {
 public:
  explicit RecordingAgent(AgentNotes& notes) : notes_(notes) {}
  Result<AgentHello> hello(const OpContext&, Realm) override {
    notes_.note("hello");
    return AgentHello{1, "7", "boot", "root", {}};
  }
  Result<std::string> read_file(const OpContext&, std::string_view path, std::uint64_t) override {
    const auto file = notes_.files.find(path);
    if (file == notes_.files.end()) return Error(Code::kNotFound, std::string(path));
    return file->second;
  }
  Result<void> write_file(const OpContext&, std::string_view path, std::string_view bytes,
                          std::uint32_t) override {
    notes_.files[std::string(path)] = bytes;
    return {};
  }
  Result<void> set_clock(const OpContext&) override { return noted("clock"); }
  Result<void> ensure_user(const OpContext&, const GuestUser&) override { return noted("user"); }
  Result<void> set_hostname(const OpContext&, std::string_view) override { return noted("hostname"); }
  Result<std::uint64_t> grow_root(const OpContext&) override {
    notes_.note("grow");
    return std::uint64_t{1} << 30U;
  }
  Result<std::vector<ItemOutcome>> set_identity(const OpContext& ctx, const NewIdentity& identity) override {
    notes_.note("identity");
    notes_.identity = identity;
    COVE_TRY(notes_.on_identity(ctx));
    return std::vector<ItemOutcome>{{"machine-id", ItemOutcome::End::kDone, ""},
                                    {"mac", ItemOutcome::End::kFailed, "no such interface"},
                                    {"sshd", ItemOutcome::End::kSkipped, "none runs"}};
  }
  Result<ThawOutcome> thaw_filesystems(const OpContext&) override {
    notes_.note("thaw");
    return ThawOutcome{};
  }

  // None of these belongs to a greeting.
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
  Result<std::vector<ItemOutcome>> freeze_filesystems(const OpContext&, std::chrono::milliseconds) override {
    return unexpected();
  }
  Result<void> sync(const OpContext&) override { return unexpected(); }
  Result<void> shutdown(const OpContext&, Force) override { return unexpected(); }
  Result<void> reboot(const OpContext&) override { return unexpected(); }

 private:
  Result<void> noted(const char* call) {
    notes_.note(call);
    return {};
  }
  Error unexpected() {
    notes_.note("something else");
    return {Code::kInternal, "no part of a greeting"};
  }
  AgentNotes& notes_;
};

}  // namespace cove
