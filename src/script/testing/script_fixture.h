// Test helper: runs script texts in a work directory of their own on a clock that stands still. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/files.h"
#include "script/builtins.h"
#include "script/state.h"

namespace cove {

// Stands still; sleeping moves it on at once.
class StandingClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override { return now_; }
  std::chrono::system_clock::time_point wall_now() const override { return {}; }
  Result<void> sleep(const OpContext& ctx, std::chrono::nanoseconds span) override {
    now_ += span;
    return ctx.check();
  }

 private:
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

class ScriptTest : public testing::Test {
 protected:
  struct Outcome {
    bool ok;
    ScriptEnd end;
    std::string error;  // empty when ok
    std::string log;
  };

  ScriptTest() : work_(TempDir::create("/tmp", "cove-script-test-").value()) { restart({}); }
  ~ScriptTest() override {
    const ScriptLogSink nobody = [](std::string_view) -> Result<void> { return {}; };
    static_cast<void>(state_->close(nobody).ok());
  }

  // A new state with these variables over PATH; extra options may be set by the caller.
  void restart(std::vector<std::string> environment, OpContext context = {},
               std::chrono::nanoseconds grace = std::chrono::milliseconds(100)) {
    environment.insert(environment.begin(), "PATH=/usr/bin:/bin");
    state_ = std::make_unique<ScriptState>(ScriptStateOptions{.context = std::move(context),
                                                              .work_directory = work_.path(),
                                                              .environment = std::move(environment),
                                                              .clock = *clock_,
                                                              .grace = grace});
  }
  void use_system_clock() {
    clock_ = std::make_unique<SystemClock>();
    restart({});
  }

  Outcome run(std::string_view text) { return run_with(engine_, text); }
  Outcome run_with(const ScriptEngine& engine, std::string_view text) {
    Outcome outcome{};
    const auto end = engine.run(*state_, "t.txt", text, [&](std::string_view part) -> Result<void> {
      outcome.log += part;
      return {};
    });
    outcome.ok = end.ok();
    if (end.ok()) {
      outcome.end = *end;
    } else {
      outcome.error = end.error().message();
    }
    return outcome;
  }
  // The log of a script that must pass.
  std::string log_of(std::string_view text) {
    const Outcome outcome = run(text);
    EXPECT_EQ(outcome.error, "") << text << "\n" << outcome.log;
    return outcome.log;
  }
  std::string error_of(std::string_view text) {
    const Outcome outcome = run(text);
    EXPECT_FALSE(outcome.ok) << text << "\n" << outcome.log;
    return outcome.error;
  }
  // What a script that passes leaves in stdout.
  std::string out_of(std::string_view text) {
    log_of(text);
    return state_->out();
  }

  void write(const std::string& name, std::string_view bytes) {
    ASSERT_TRUE(write_file_atomic(work_.path() / name, bytes).ok());
  }
  std::string read(const std::string& name) { return read_file(work_.path() / name).value(); }
  std::string at(const std::string& name) const { return (work_.path() / name).string(); }

  std::unique_ptr<Clock> clock_ = std::make_unique<StandingClock>();
  TempDir work_;
  ScriptEngine engine_ = make_base_engine();
  std::unique_ptr<ScriptState> state_;
};

}  // namespace cove
