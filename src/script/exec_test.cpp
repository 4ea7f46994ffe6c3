#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/strings.h"
#include "base/thread.h"
#include "script/testing/script_fixture.h"

namespace cove {
namespace {

class A12Exec : public ScriptTest {
 protected:
  A12Exec() { use_system_clock(); }

  void program(const std::string& name, std::string_view text) {
    write(name, text);
    ASSERT_EQ(::chmod(at(name).c_str(), 0755), 0);
  }
  // A pipe whose writing end children of the script inherit by name; reading ends when all are gone.
  bool all_end(int fd) {
    char byte = 0;
    const OpContext soon = OpContext{}.with_timeout(std::chrono::seconds(20));
    for (;;) {
      const auto count = read_some(soon, fd, std::span(&byte, 1));
      if (!count.ok()) return false;
      if (*count == 0) return true;
    }
  }
};

TEST_F(A12Exec, NamesAreLookedUpInTheScriptsPath) {
  program("tool", "#!/bin/sh\necho found $0 $1\n");
  write("plain", "");
  EXPECT_EQ(error_of("exec tool"), "t.txt:1: exec tool: exec: \"tool\": executable file not found in $PATH");
  EXPECT_EQ(out_of("env PATH=::$PWD:$PATH\nexec tool x"), "found " + at("tool") + " x\n");
  EXPECT_EQ(error_of("exec plain"),
            "t.txt:1: exec plain: exec: \"plain\": executable file not found in $PATH");
  log_of("mkdir d\ncd d\n");
  EXPECT_EQ(out_of("exec ../tool y"), "found ../tool y\n");
}

TEST_F(A12Exec, StartErrors) {
  write("plain", "");
  EXPECT_EQ(error_of("exec ./nosuch a"),
            "t.txt:1: exec ./nosuch a: fork/exec ./nosuch: no such file or directory");
  EXPECT_EQ(error_of("exec ./plain"), "t.txt:1: exec ./plain: fork/exec ./plain: permission denied");
  program("noformat", "no interpreter line");
  EXPECT_EQ(error_of("exec ./noformat"), "t.txt:1: exec ./noformat: fork/exec ./noformat: exec format error");
  log_of("mkdir gone\ncd gone\nrm $PWD\n");
  EXPECT_EQ(error_of("exec true"), "t.txt:1: exec true: chdir " + at("gone") + ": no such file or directory");
}

TEST_F(A12Exec, ABusyExecutableIsTriedAgain) {
  program("tool", "#!/bin/sh\necho ran\n");
  UniqueFd writer(open_file(at("tool"), O_WRONLY).value());
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(50)));
  EXPECT_EQ(error_of("! exec ./tool\n"), "t.txt:1: exec ./tool: context deadline exceeded");
  restart({});
  const Thread closer("closer", [&] { writer.reset(); });
  EXPECT_EQ(out_of("exec ./tool\n"), "ran\n");
}

TEST_F(A12Exec, EnvironmentArgumentsAndEmptyInput) {
  EXPECT_EQ(out_of("env ONLY=this\nexec sh -c 'echo $ONLY; cat; echo end'"), "this\nend\n");
  EXPECT_EQ(out_of("exec printf %s, a '' 'b c'"), "a,,b c,");
}

TEST_F(A12Exec, Statuses) {
  EXPECT_EQ(error_of("exec sh -c 'exit 42'"), "t.txt:1: exec sh -c 'exit 42': exit status 42");
  EXPECT_EQ(error_of("exec sh -c 'kill -9 $$'"), "t.txt:1: exec sh -c 'kill -9 $$': signal: killed");
  EXPECT_EQ(error_of("exec sh -c 'kill -TERM $$'"),
            "t.txt:1: exec sh -c 'kill -TERM $$': signal: terminated");
}

TEST_F(A12Exec, LargeOutputsOnBothStreams) {
  log_of("exec sh -c 'head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2'\n");
  EXPECT_EQ(state_->out().size(), 300000U);
  EXPECT_EQ(state_->err().size(), 300000U);
}

TEST_F(A12Exec, BackgroundOutputIsTakenWhileOthersRun) {
  log_of(
      "exec sh -c 'head -c 300000 /dev/zero; echo done >flag' &\nexec sh -c 'while ! [ -e flag ]; do :; "
      "done'\n");
  EXPECT_EQ(out_of("wait").size(), 300000U);
}

TEST_F(A12Exec, DeadlineInterruptsAndTheNextLineTells) {
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(200)));
  EXPECT_EQ(error_of("exec sleep 100\n"), "t.txt:1: exec sleep 100: signal: interrupt");
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(200)));
  EXPECT_EQ(error_of("! exec sleep 100\necho x\n"), "t.txt:1: context deadline exceeded");
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(200)));
  EXPECT_EQ(error_of("! sleep 100s\n"), "t.txt:1: sleep 100s: context deadline exceeded");
}

TEST_F(A12Exec, SuccessAfterAnInterruptIsTheContextsError) {
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(300)));
  EXPECT_EQ(error_of("exec sh -c 'trap \"exit 0\" INT; while :; do sleep 0.01; done'\n").substr(0, 17),
            "t.txt:1: exec sh ");
  EXPECT_NE(run("").error.find("context deadline exceeded"), std::string::npos);
}

TEST_F(A12Exec, CancelReachesGrandchildrenThatIgnoreInterrupts) {
  ASSERT_EQ(::mkfifo(at("alive").c_str(), 0600), 0);
  const UniqueFd reader(open_file(at("alive"), O_RDONLY | O_NONBLOCK).value());
  CancelSource cancel;
  restart({}, {cancel.token(), {}});
  // The grandchild holds the pipe and no output of the script's; its parent holds neither and waits.
  log_of("exec sh -c 'trap \"\" INT; (echo; exec sleep 1000) >alive 2>&1 & wait' &\n");
  char byte = 0;
  ASSERT_TRUE(
      read_exact(OpContext{}.with_timeout(std::chrono::seconds(20)), reader.get(), std::span(&byte, 1)).ok());
  cancel.cancel();
  EXPECT_EQ(error_of("wait\n"), "t.txt:0: context canceled");
  const auto closed = state_->close([](std::string_view) -> Result<void> { return {}; });
  ASSERT_FALSE(closed.ok());
  EXPECT_NE(closed.error().message().find("signal: killed"), std::string::npos) << closed.error().message();
  EXPECT_TRUE(all_end(reader.get()));
}

TEST_F(A12Exec, DeadlineEndsAFloodOfOutput) {
  restart({}, OpContext{}.with_timeout(std::chrono::milliseconds(100)));
  EXPECT_EQ(
      error_of("exec sh -c 'trap \"\" INT; while :; do echo yyyyyyyyyyyyyyyyyyyyyy; done'\n").substr(0, 17),
      "t.txt:1: exec sh ");
}

TEST_F(A12Exec, PipesHeldByOthersAreGivenUpAfterTheGrace) {
  const Outcome outcome = run("exec sh -c 'sleep 1000 & echo $! >pid; echo out'\n");
  EXPECT_NE(outcome.error.find("exec: WaitDelay expired before I/O complete"), std::string::npos)
      << outcome.error;
  EXPECT_EQ(state_->out(), "out\n");
  ::kill(static_cast<pid_t>(*parse_i64(trim(read("pid")))), SIGKILL);
}

TEST_F(A12Exec, OutputOfChildrenThatEndInTimeIsKept) {
  restart({}, {}, std::chrono::seconds(1));
  EXPECT_EQ(out_of("exec sh -c '(sleep 0.02; echo late) & echo early'\n"), "early\nlate\n");
  // In the background the grace begins with `wait`, however long ago the program itself ended.
  EXPECT_EQ(out_of("exec sh -c '(while ! [ -e go ]; do sleep 0.01; done; echo late) & echo early' &\n"
                   "sleep 1200ms\nexec touch go\nwait\n"),
            "early\nlate\n");
}

}  // namespace
}  // namespace cove
