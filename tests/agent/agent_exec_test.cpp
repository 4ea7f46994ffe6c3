// Commands through the whole path: client, gRPC, agent link, agent, process.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "agent/exec_pump.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/io.h"
#include "base/strings.h"
#include "base/testing/patience.h"
#include "tests/agent/fake_agent.h"

namespace cove {
namespace {

using namespace std::chrono_literals;
using Realm = GuestAgentClient::Realm;
using testing::patient;

ExecRequest shell(const std::string& script) {
  ExecRequest request;
  request.args = {"sh", "-c", script};
  return request;
}

class Lines final : public ExecSink {
 public:
  Result<void> on_output(ExecStream, std::string_view bytes) override {
    text_.with([&](std::string& text) { text.append(bytes); });
    return {};
  }
  Result<void> wait_for(std::string_view wanted) {
    return text_.wait(patient(),
                      [&](const std::string& text) { return text.find(wanted) != std::string::npos; });
  }
  std::string text() const {
    return text_.read([](const std::string& text) { return text; });
  }

 private:
  Guarded<std::string> text_;
};

class AgentExec : public ::testing::Test {
 protected:
  Result<ExecResult> run(const ExecRequest& request, std::string_view input = {}) {
    return client_->exec(patient(), Realm::kSystem, request, input);
  }
  std::unique_ptr<ExecSession> attach(const ExecRequest& request, const OpContext& ctx = patient()) {
    auto session = client_->attach(ctx, Realm::kSystem, request);
    EXPECT_TRUE(session.ok());
    return std::move(*session);
  }

  testing::FakeAgent agent_;
  std::unique_ptr<GuestAgentClient> client_ = agent_.client();
};

TEST_F(AgentExec, StreamsAndStatus) {
  const auto result = run(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->out, "out\n");
  EXPECT_EQ(result->err, "err\n");
  EXPECT_EQ(result->end.status.code, 3);
  EXPECT_EQ(result->end.status.signal, 0);
}

TEST_F(AgentExec, DeathBySignalIsReportedAsOne) {
  const auto result = run(shell("kill -9 $$"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->end.status.signal, SIGKILL);
  EXPECT_EQ(result->end.status.shell_status(), 137);
}

TEST_F(AgentExec, SaysWhatCouldNotStart) {
  ExecRequest request;
  request.args = {"no-such-command"};
  auto result = run(request);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kNotFound);
  EXPECT_EQ(result.error().message(), "no-such-command: command not found");
  request.args = {"true"};
  request.working_directory = "/no/such/folder";
  result = run(request);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(result.error().message(), "working directory /no/such/folder: No such file or directory");
  request.working_directory.clear();
  request.args = {"/etc/passwd"};
  result = run(request);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kPermissionDenied);
  request.args = {};
  EXPECT_EQ(run(request).error().code(), Code::kInvalidArgument);
  request.args = {"true"};
  request.user = "nobody-here";
  EXPECT_EQ(run(request).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentExec, EnvironmentIsThatOfALogin) {
  ExecRequest request;
  request.args = {"env"};
  request.environment = {{"FOO", "bar baz"}};
  const auto result = run(request);
  ASSERT_TRUE(result.ok());
  auto lines = split(result->out, '\n');
  std::sort(lines.begin(), lines.end());
  const std::string path = ::geteuid() == 0
                               ? "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                               : "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games";
  EXPECT_EQ(lines, (std::vector<std::string_view>{"", "FOO=bar baz", "HOME=/tmp", "LOGNAME=tester", path,
                                                  "SHELL=/bin/sh", "USER=tester"}));
}

TEST_F(AgentExec, NoDescriptorLeaksIntoCommands) {
  const auto result = run(shell("ls -l /proc/self/fd | wc -l; ls /proc/self/fd"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->out, "5\n0\n1\n2\n3\n");  // 3 is the folder that ls reads
}

TEST_F(AgentExec, OwnSessionAndGroup) {
  const auto result = run(shell("ps -o pid=,pgid=,sid= -p $$"));
  ASSERT_TRUE(result.ok());
  std::vector<std::string> ids;
  for (const auto word : split(trim(result->out), ' ')) {
    if (!word.empty()) ids.emplace_back(word);
  }
  ASSERT_EQ(ids.size(), 3U) << result->out << result->err;
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
}

TEST_F(AgentExec, InputReachesTheCommandAndEnds) {
  const std::string input(3'000'000, 'i');
  ExecRequest request;
  request.args = {"cat"};
  const auto result = run(request, input);
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_TRUE(result->out == input);
}

TEST_F(AgentExec, CommandThatIgnoresItsInputIsNoError) {
  ExecRequest request;
  request.args = {"true"};
  const auto result = run(request, std::string(8'000'000, 'i'));
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_TRUE(result->end.status.success());
}

TEST_F(AgentExec, EndsWithTheCommandThoughInputStaysOpen) {
  ExecRequest request = shell("echo done");
  request.standard_input = ExecRequest::Stdin::kStream;
  auto session = attach(request);
  auto never_ends = make_pipe();
  auto output = make_pipe();
  const auto end = pump_exec(patient(), *session, {never_ends->first.get(), output->second.get(), -1});
  ASSERT_TRUE(end.ok());
  EXPECT_TRUE(end->status.success());
  output->second.reset();
  EXPECT_EQ(*read_to_end(patient(), output->first.get(), 100), "done\n");
}

TEST_F(AgentExec, EndsThoughDescendantsKeepTheOutputOpen) {
  const auto start = std::chrono::steady_clock::now();
  const auto result = run(shell("sleep 20 & echo $!"));
  ASSERT_TRUE(result.ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  const auto pid = parse_i64(trim(result->out));
  ASSERT_TRUE(pid.has_value());
  EXPECT_EQ(::kill(static_cast<pid_t>(*pid), SIGKILL), 0);  // a command may leave a daemon behind
}

TEST_F(AgentExec, TimeoutEndsTheWholeGroup) {
  ExecRequest request = shell("sleep 1000 | cat");
  request.timeout = 100ms;
  const auto result = run(request);
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->end.reason, ExecEnd::Reason::kTimeout);
  EXPECT_EQ(result->end.status.signal, SIGTERM);
}

// Gone, or a zombie that waits for its parent.
bool ended(std::int64_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return !stat.ok() || stat->find(") Z ") != std::string::npos;
}

TEST_F(AgentExec, CancelKillsTheGroupEvenIfItIgnoresTerm) {
  const CancelSource cancel;
  auto session = attach(shell("trap '' TERM; (trap '' TERM; sleep 1000) & echo $!; wait; wait"),
                        {cancel.token(), Deadline::after(60s)});
  Lines lines;
  Thread watcher("watcher", [&] {
    EXPECT_TRUE(lines.wait_for("\n").ok());
    cancel.cancel();
  });
  const auto end = session->wait({cancel.token(), Deadline::after(60s)}, lines);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code(), Code::kCancelled);
  session.reset();
  watcher.join();
  const auto pid = parse_i64(trim(lines.text()));
  ASSERT_TRUE(pid.has_value()) << lines.text();
  SystemClock clock;
  const auto limit = Deadline::after(20s);
  while (!ended(*pid) && !limit.expired()) static_cast<void>(clock.sleep({}, 10ms));
  EXPECT_TRUE(ended(*pid));
}

TEST_F(AgentExec, SignalsReachTheGroup) {
  auto session = attach(shell("trap 'echo got; exit 7' USR1; echo ready; while :; do sleep 0.05; done"));
  Lines lines;
  Thread sender("sender", [&] {
    EXPECT_TRUE(lines.wait_for("ready").ok());
    EXPECT_TRUE(session->signal(patient(), SIGUSR1).ok());
  });
  const auto end = session->wait(patient(), lines);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->status.code, 7);
  EXPECT_NE(lines.text().find("got"), std::string::npos);
}

TEST_F(AgentExec, ASignalOvertakesInputThatIsNotRead) {
  auto request = shell("trap 'echo got; kill $!; exit 7' USR1; echo ready; sleep 600 & wait");
  request.standard_input = ExecRequest::Stdin::kStream;
  auto session = attach(request);
  Lines lines;
  Thread writer("writer", [&] {
    const std::string chunk(std::size_t{64} << 10U, 'x');
    while (session->write_stdin(patient(), chunk).ok()) continue;  // until the command has ended
  });
  Thread sender("sender", [&] {
    EXPECT_TRUE(lines.wait_for("ready").ok());
    EXPECT_TRUE(session->signal(patient(), SIGUSR1).ok());
  });
  const auto end = session->wait(patient(), lines);
  ASSERT_TRUE(end.ok()) << end.error().message();
  EXPECT_EQ(end->status.code, 7);
}

TEST_F(AgentExec, TerminalHasASizeThatFollows) {
  ExecRequest request = shell(
      "trap 'stty size; exit 4' WINCH; tty -s && echo $TERM; stty size; echo ready; while :; do sleep 0.05; "
      "done");
  request.terminal = TerminalSize{33, 77};
  request.terminal_type = "vt100";
  auto session = attach(request);
  Lines lines;
  Thread sender("sender", [&] {
    EXPECT_TRUE(lines.wait_for("ready").ok());
    EXPECT_TRUE(session->resize(patient(), {50, 132}).ok());
  });
  const auto end = session->wait(patient(), lines);
  ASSERT_TRUE(end.ok()) << end.error().message();
  EXPECT_EQ(end->status.code, 4);
  EXPECT_EQ(lines.text(), "vt100\r\n33 77\r\nready\r\n50 132\r\n");
}

TEST_F(AgentExec, TerminalInputInterruptsAndEnds) {
  ExecRequest request = shell("trap 'echo int' INT; echo ready; cat; cat; echo over");
  request.terminal = TerminalSize{};
  request.standard_input = ExecRequest::Stdin::kStream;
  auto session = attach(request);
  Lines lines;
  Thread sender("sender", [&] {
    EXPECT_TRUE(lines.wait_for("ready").ok());
    EXPECT_TRUE(session->write_stdin(patient(), "one\n").ok());
    EXPECT_TRUE(lines.wait_for("one\r\none\r\n").ok());  // the echo, and cat's
    EXPECT_TRUE(session->write_stdin(patient(), "\x03").ok());
    EXPECT_TRUE(lines.wait_for("int\r\n").ok());
    EXPECT_TRUE(session->write_stdin(patient(), "two\n").ok());
    EXPECT_TRUE(lines.wait_for("two\r\ntwo\r\n").ok());
    EXPECT_TRUE(session->close_stdin(patient()).ok());
  });
  const auto end = session->wait(patient(), lines);
  ASSERT_TRUE(end.ok()) << end.error().message();
  EXPECT_EQ(end->status.code, 0);
  EXPECT_NE(lines.text().find("over"), std::string::npos) << lines.text();
}

// What pattern byte stands at an offset; the period is prime, so that a lost or doubled chunk shows.
char pattern(std::uint64_t offset) { return static_cast<char>('a' + offset % 23); }

class PatternSink final : public ExecSink {
 public:
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    std::uint64_t& offset = stream == ExecStream::kStdout ? out_ : err_;
    for (const char byte : bytes) {
      if (stream == ExecStream::kStdout && byte != pattern(offset))
        return Error(Code::kDataLoss, "wrong byte");
      ++offset;
    }
    return {};
  }
  std::uint64_t out_ = 0;
  std::uint64_t err_ = 0;
};

// COVE_TEST_EXEC_MIB: how much, 64 by default; 1024 is run by hand.
std::uint64_t bulk_bytes() {
  const char* mib = ::getenv("COVE_TEST_EXEC_MIB");
  return (mib == nullptr ? 64 : parse_u64(mib).value_or(64)) << 20U;
}

TEST_F(AgentExec, BulkBothWaysAtOnceLosesNothing) {
  const std::uint64_t total = bulk_bytes();
  ExecRequest request;
  request.args = {"cat"};
  request.standard_input = ExecRequest::Stdin::kStream;
  const OpContext patient{CancelToken(), Deadline::after(10min)};
  auto session = attach(request, patient);
  PatternSink sink;
  const auto start = std::chrono::steady_clock::now();
  Thread writer("writer", [&] {
    std::string chunk(std::size_t{23} << 14U, '\0');
    for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = pattern(i);
    for (std::uint64_t sent = 0; sent < total;) {
      const auto part =
          std::string_view(chunk).substr(0, std::min<std::uint64_t>(chunk.size(), total - sent));
      ASSERT_TRUE(session->write_stdin(patient, part).ok());
      sent += part.size();
    }
    ASSERT_TRUE(session->close_stdin(patient).ok());
  });
  const auto end = session->wait(patient, sink);
  writer.join();
  ASSERT_TRUE(end.ok()) << end.error().message();
  EXPECT_TRUE(end->status.success());
  EXPECT_EQ(sink.out_, total);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("mb_per_s_each_way", std::to_string(static_cast<double>(total) / 1e6 / seconds));
}

TEST_F(AgentExec, OutputOfBothStreamsIsWholeWhenTheReaderIsSlow) {
  class Slow final : public ExecSink {
   public:
    Result<void> on_output(ExecStream stream, std::string_view bytes) override {
      (stream == ExecStream::kStdout ? out : err) += bytes.size();
      return ++count % 16 == 0 ? clock.sleep({}, 2ms) : Result<void>();
    }
    SystemClock clock;
    int count = 0;
    std::size_t out = 0;
    std::size_t err = 0;
  } sink;
  const auto end =
      client_->exec_stream(patient(), Realm::kSystem,
                           shell("head -c 8000000 /dev/zero & head -c 6000000 /dev/zero >&2; wait"), sink);
  ASSERT_TRUE(end.ok()) << end.error().message();
  EXPECT_EQ(sink.out, 8'000'000U);
  EXPECT_EQ(sink.err, 6'000'000U);
}

TEST_F(AgentExec, ManyAtOnce) {
  std::vector<Thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back("caller", [&, i] {
      for (int round = 0; round < 5; ++round) {
        const auto result = run(shell("echo " + std::to_string(i)));
        if (result.ok() && result->out == std::to_string(i) + "\n") ++good;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good.load(), 80);
}

TEST_F(AgentExec, UserRealmRunsAsItsUserOnly) {
  const auto result = client_->exec(patient(), Realm::kUser, shell("echo $USER"), {});
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->out, "tester\n");
  ExecRequest request = shell("true");
  request.user = "other";
  const auto refused = client_->exec(patient(), Realm::kUser, request, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
}

TEST_F(AgentExec, RoundTripIsShort) {
  ExecRequest request;
  request.args = {"true"};
  std::vector<double> ms;
  for (int i = 0; i < 50; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(run(request).ok());
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(ms.begin(), ms.begin() + 25, ms.end());
  RecordProperty("exec_true_p50_ms", std::to_string(ms[25]));
}

}  // namespace
}  // namespace cove
