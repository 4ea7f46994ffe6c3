#include "script/state.h"

#include <gtest/gtest.h>

#include "script/os.h"
#include "script/testing/script_fixture.h"

namespace cove {
namespace {

using A7Background = ScriptTest;
using A11State = ScriptTest;

TEST_F(A7Background, WaitGathersInTheOrderOfTheStart) {
  EXPECT_EQ(log_of("exec sh -c 'sleep 0.05; echo one; echo e1 >&2' &\nexec echo two it''s &\nwait\n"),
            "> exec sh -c 'sleep 0.05; echo one; echo e1 >&2' &\n> exec echo two it''s &\n> wait\n"
            "[background] exec sh -c 'sleep 0.05; echo one; echo e1 >&2'\n[stdout]\none\n[stderr]\ne1\n"
            "[background] exec echo two its\n[stdout]\ntwo its\n");
  EXPECT_EQ(state_->out(), "one\ntwo its\n");
  EXPECT_EQ(state_->err(), "e1\n");
  EXPECT_EQ(out_of("wait\n"), "");
}

TEST_F(A7Background, EachHasItsOwnPrefixAndFailuresAreJoined) {
  const Outcome outcome = run("! exec false &\n? exec false &\nexec false &\n! exec true x &\n? wait\n");
  EXPECT_EQ(outcome.error,
            "t.txt:5: wait: t.txt:3: exec false: exit status 1\nt.txt:4: exec true x: unexpected success");
  EXPECT_EQ(outcome.log.substr(outcome.log.find("[background]")),
            "[background] exec false\n[exit status 1]\n[background] exec false\n[exit status 1]\n"
            "[background] exec false\n[exit status 1]\n[background] exec true x\n");
}

TEST_F(A7Background, WaitAloneNeedsNothingAndCannotFailByPrefix) {
  log_of("wait\n");
  EXPECT_EQ(error_of("! wait\n"), "t.txt:1: wait: unexpected success");
  EXPECT_EQ(error_of("wait x\n"), "t.txt:1: wait x: invalid usage");
}

TEST_F(A7Background, SleepRunsFromItsStart) {
  const auto begun = clock_->now();
  log_of("sleep 2s &\nsleep 1s &\nsleep 1s\nwait\n");
  EXPECT_EQ(clock_->now() - begun, std::chrono::seconds(2));
}

TEST_F(A7Background, CloseEndsWhatIsLeftAndTells) {
  use_system_clock();
  log_of("exec sleep 100 &\nsleep 100s &\n? exec sleep 100 &\n");
  std::string log;
  const auto closed = state_->close([&](std::string_view text) -> Result<void> {
    log += text;
    return {};
  });
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().message(),
            "t.txt:1: exec sleep 100: signal: interrupt\nt.txt:2: sleep 100s: context canceled");
  EXPECT_EQ(log,
            "[background] exec sleep 100\n[signal: interrupt]\n[background] sleep 100s\n[context canceled]\n"
            "[background] exec sleep 100\n[signal: interrupt]\n");
}

TEST_F(A7Background, AStateThatIsDroppedEndsItsPrograms) {
  use_system_clock();
  log_of("exec sleep 100 &\n");
  const auto begun = std::chrono::steady_clock::now();
  restart({});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST_F(A11State, PathsAreCleanedByTextAlone) {
  EXPECT_EQ(clean_path("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(clean_path("/../.."), "/");
  EXPECT_EQ(clean_path("../x/.."), "..");
  EXPECT_EQ(clean_path(""), ".");
  EXPECT_EQ(state_->path("../../x"), clean_path(at("../../x")));
  EXPECT_EQ(state_->path("/x/../y"), "/y");
}

TEST_F(A11State, VariablesSetAgainMoveToTheEnd) {
  restart({"A=1", "B=2", "NOEQUALS", "A=3"});
  EXPECT_EQ(out_of("env B=4\nenv\n"),
            "PATH=/usr/bin:/bin\nNOEQUALS\nA=3\nPWD=" + at("").substr(0, at("").size() - 1) + "\nB=4\n");
  EXPECT_EQ(out_of("env NOEQUALS"), "NOEQUALS=\n");
}

TEST_F(A11State, ChangeDirectory) {
  log_of("mkdir a/b\ncd a\ncd b\n");
  EXPECT_EQ(state_->directory(), at("a/b"));
  EXPECT_EQ(out_of("env PWD\n"), "PWD=" + at("a/b") + "\n");
  EXPECT_EQ(out_of("exec pwd"), at("a/b") + "\n");
  EXPECT_EQ(error_of("cd nosuch"), "t.txt:1: cd nosuch: Chdir " + at("a/b/nosuch") + ": stat " +
                                       at("a/b/nosuch") + ": no such file or directory");
  write("file", "x");
  EXPECT_EQ(error_of("cd ../../file"), "t.txt:1: cd ../../file: Chdir " + at("file") + ": not a directory");
}

TEST_F(A11State, Extract) {
  restart({"SUB=deep"});
  ASSERT_TRUE(
      state_->extract({{"a/$SUB/f", "1\n"}, {"x", "old\n"}, {"x", "new\n"}, {at("abs"), "y\n"}}).ok());
  EXPECT_EQ(read("a/deep/f"), "1\n");
  EXPECT_EQ(read("x"), "new\n");
  EXPECT_EQ(read("abs"), "y\n");
  const auto error = [&](const std::string& name) { return state_->extract({{name, ""}}).error().message(); };
  EXPECT_EQ(error("../out"), "file `../out` is outside working directory");
  EXPECT_EQ(error("."), "file `.` is outside working directory");
  EXPECT_EQ(error("a/../../`\x01"), "file \"a/../../`\\x01\" is outside working directory");
  EXPECT_EQ(error(work_.path().string() + "more/x").substr(0, 6), "file `");
}

}  // namespace
}  // namespace cove
