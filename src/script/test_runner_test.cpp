#include "script/test_runner.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "script/builtins.h"
#include "script/testing/script_fixture.h"

namespace cove {
namespace {

class ScriptTestRunner : public testing::Test {
 protected:
  ScriptTestOptions options() {
    return {.engine = engine_,
            .clock = clock_,
            .work_parent = parent_.path(),
            .environment = {"PATH=/usr/bin:/bin", "HOST=h"}};
  }
  ScriptTestOutcome run(std::string_view text, const OpContext& ctx = {}) {
    EXPECT_TRUE(write_file_atomic(file(), text).ok());
    return run_script_test(ctx, options(), file()).value();
  }
  std::filesystem::path file() const { return files_.path() / "some.txtar"; }

  ScriptEngine engine_ = make_base_engine();
  StandingClock clock_;
  TempDir parent_ = TempDir::create("/tmp", "cove-runner-parent-").value();
  TempDir files_ = TempDir::create("/tmp", "cove-runner-files-").value();
};

TEST_F(ScriptTestRunner, PassesWithFilesAndVariables) {
  const auto outcome = run(
      "# section\nenv WORK TMPDIR HOST PWD\nstdout '^HOST=h$'\ncmp f want\nexists $TMPDIR\ncd sub\nexists f\n"
      "exec sh -c 'test $TMPDIR = $WORK/tmp'\n-- f --\ndata\n-- want --\ndata\n-- sub/f --\n");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.end, ScriptTestOutcome::End::kPassed);
  EXPECT_EQ(outcome.log.substr(0, 20), "# section (0.000s)\n>");
  EXPECT_EQ(format_script_test_line(outcome), "ok    some.txtar 0.000s\n");
  EXPECT_EQ(list_directory(parent_.path()).value().size(), 0U);
}

TEST_F(ScriptTestRunner, FailureNamesFileAndLine) {
  const auto outcome = run("echo a\nexec false\n");
  EXPECT_EQ(outcome.end, ScriptTestOutcome::End::kFailed);
  EXPECT_EQ(outcome.error, "some.txtar:2: exec false: exit status 1");
  EXPECT_EQ(format_script_test_failure(outcome, ScriptLogShown::kNo),
            outcome.error + "\n> echo a\n[stdout]\na\n> exec false\n");
  EXPECT_EQ(format_script_test_failure(outcome, ScriptLogShown::kYes), outcome.error + "\n");
  EXPECT_EQ(format_script_test_line(outcome), "FAIL  some.txtar 0.000s\n");
}

TEST_F(ScriptTestRunner, StopIsAPassOfItsOwn) {
  const auto outcome = run("stop 'nothing to do'\nexec false\n");
  EXPECT_EQ(outcome.end, ScriptTestOutcome::End::kStopped);
  EXPECT_TRUE(outcome.passed());
  EXPECT_EQ(format_script_test_line(outcome), "stop  some.txtar 0.000s\n");
}

TEST_F(ScriptTestRunner, BackgroundLeftBehindIsEndedAndFailsTheTest) {
  const auto outcome = run("exec sleep 1000 &\n");
  EXPECT_EQ(outcome.error, "some.txtar:1: exec sleep 1000: signal: interrupt");
  EXPECT_NE(outcome.log.find("[background] exec sleep 1000\n[signal: interrupt]\n"), std::string::npos);
  EXPECT_TRUE(run("? exec sleep 1000 &\n").passed());
}

TEST_F(ScriptTestRunner, DeadlineFailsTheTest) {
  const auto outcome = run("exec sleep 1000\n", OpContext{}.with_timeout(std::chrono::milliseconds(200)));
  EXPECT_EQ(outcome.error, "some.txtar:1: exec sleep 1000: signal: interrupt");
}

TEST_F(ScriptTestRunner, LogIsPassedOnWhileItIsMade) {
  std::vector<std::string> parts;
  auto with_log = options();
  with_log.on_log = [&](std::string_view part) -> Result<void> {
    parts.emplace_back(part);
    return {};
  };
  ASSERT_TRUE(write_file_atomic(file(), "echo a\n# b\n").ok());
  EXPECT_TRUE(run_script_test({}, with_log, file()).value().passed());
  EXPECT_EQ(parts, (std::vector<std::string>{"> echo a\n[stdout]\na\n", "# b", "\n"}));
}

TEST_F(ScriptTestRunner, WorkDirectoryCanBeKeptAndClosedOnesAreRemoved) {
  auto keeping = options();
  keeping.work_directory = ScriptTestOptions::WorkDirectory::kKeep;
  ASSERT_TRUE(write_file_atomic(file(), "mkdir d/e\nchmod 0 d\n").ok());
  const auto outcome = run_script_test({}, keeping, file()).value();
  EXPECT_TRUE(path_exists(outcome.work / "tmp"));
  EXPECT_TRUE(run("mkdir d/e\nchmod 0 d/e\nchmod 0 d\n").passed());
  EXPECT_EQ(list_directory(parent_.path()).value().size(), 1U);
}

TEST_F(ScriptTestRunner, WhatCannotBeBegunIsAnError) {
  const auto missing = run_script_test({}, options(), files_.path() / "nosuch.txtar");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  ASSERT_TRUE(write_file_atomic(file(), "-- ../f --\n").ok());
  const auto outside = run_script_test({}, options(), file());
  ASSERT_FALSE(outside.ok());
  EXPECT_EQ(outside.error().message(), "some.txtar: file `../f` is outside working directory");
}

TEST_F(ScriptTestRunner, FilesWithCarriageReturnsRun) {
  EXPECT_EQ(run("# section\r\nexists f\r\n! cat nosuch\r\n-- f --\r\ndata\r\n").error, "");
}

TEST_F(ScriptTestRunner, SecretsAreMasked) {
  auto with_secret = options();
  with_secret.secrets = {"pw1"};
  ASSERT_TRUE(write_file_atomic(file(), "echo pw1\nexec false pw1\n").ok());
  const auto outcome = run_script_test({}, with_secret, file()).value();
  EXPECT_EQ(outcome.error, "some.txtar:2: exec false ***: exit status 1");
  EXPECT_EQ(outcome.log.find("pw1"), std::string::npos);
}

TEST_F(ScriptTestRunner, ManyCheapLinesAreCheap) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "env A" + std::to_string(i) + "=1\n[GOOS:plan9] stop\n";
  EXPECT_TRUE(run(text).passed());
}

}  // namespace
}  // namespace cove
