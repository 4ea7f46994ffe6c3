#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/strings.h"
#include "vm_fixture.h"

namespace cove {
namespace {

using SupervisorLife = VmFixture;

std::string fact_line(const ControlResponse& response, const std::string& name) {
  for (const auto& fact : response.status_detail().facts()) {
    if (fact.name() == name) return (fact.met() ? "met: " : "open: ") + fact.evidence();
  }
  return "none";
}

TEST_F(SupervisorLife, StartsTellsTheTruthAndStops) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok()) << vm.error().message();
  ASSERT_TRUE(wait_for("agent"));
  ASSERT_TRUE(wait_for("kernel"));
  const ControlResponse seen = status();
  EXPECT_EQ(seen.status_detail().state(), "running");
  EXPECT_EQ(seen.status_detail().agent(), "connected");
  EXPECT_EQ(seen.status_detail().supervisor_pid(), vm->pid);
  EXPECT_EQ(fact_line(seen, "agent"), "met: version fake");
  EXPECT_EQ(fact_line(seen, "network"), "none");
  EXPECT_TRUE(seen.status().can_pause());
  EXPECT_EQ(vm_.observe().state, MachineState::kRunning);  // the note of its lock says so
  ASSERT_TRUE(stop("ask").ok());
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
  EXPECT_EQ(after_end().state, MachineState::kStopped);
  for (const auto& path : {vm_.control_socket(), vm_.agent_socket(), vm_.session_path()}) {
    EXPECT_FALSE(path_exists(path)) << path;
  }
}

TEST_F(SupervisorLife, FilesArePrivate) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ASSERT_TRUE(wait_for("kernel"));
  for (const auto& path :
       {vm_.control_socket(), vm_.agent_socket(), vm_.serial_log(), vm_.supervisor_log(), vm_.token_path()}) {
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_mode & 077U, 0U) << path;
  }
  EXPECT_TRUE(stop("force").ok());
}

TEST_F(SupervisorLife, PausesResumesAndSaysWhatItCannotDo) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  EXPECT_EQ(call("resume").error().message(), "cannot resume VM in state: running");
  ASSERT_TRUE(call("pause").ok());
  EXPECT_EQ(status().status().state(), "paused");
  const auto ping = call("agent-ping");
  EXPECT_EQ(ping.error().message(), "guest agent unavailable: vm is paused");
  ASSERT_TRUE(call("resume").ok());
  EXPECT_EQ(status().status().state(), "running");
  EXPECT_TRUE(stop("force").ok());
}

TEST_F(SupervisorLife, EveryAnswerOfTheAgentIsItsLastSign) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ASSERT_TRUE(wait_for("agent"));
  const std::string first = call("agent-status")->message().message();
  EXPECT_NE(first.find("\"lastPing\":\"20"), std::string::npos) << first;
  // Told in seconds: pings until the next one has begun.
  const Deadline limit = Deadline::after(std::chrono::seconds(60));
  std::string last = first;
  while (last == first && !limit.expired()) {
    ASSERT_TRUE(call("agent-ping").ok());
    last = call("agent-status")->message().message();
  }
  EXPECT_NE(last, first);
  EXPECT_TRUE(stop("force").ok());
}

TEST_F(SupervisorLife, ASecondSupervisorIsRefused) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  const auto second = launch();
  EXPECT_EQ(second.error().code(), Code::kFailedPrecondition);
  EXPECT_NE(second.error().message().find("is running"), std::string::npos) << second.error().message();
  EXPECT_TRUE(call("ping").ok());
  EXPECT_TRUE(stop("force").ok());
}

TEST_F(SupervisorLife, AFailedStartSaysWhyAndLeavesItStopped) {
  set("COVE_FAKE", R"({"fail":"start"})");
  const auto vm = launch();
  ASSERT_FALSE(vm.ok());
  EXPECT_NE(vm.error().code(), Code::kAborted) << vm.error().message();
  EXPECT_EQ(after_end().state, MachineState::kStopped);
}

TEST_F(SupervisorLife, ACrashIsToldWithItsReason) {
  set("COVE_FAKE", R"({"crash_after_ms":100})");
  auto vm = launch();
  ASSERT_TRUE(vm.ok()) << vm.error().message();
  EXPECT_EQ(vm->process.wait(kPatient)->code, 1);
  const Observation seen = after_end();
  EXPECT_EQ(seen.state, MachineState::kCrashed);
  EXPECT_EQ(seen.reason, "the fake engine crashed");
  ASSERT_TRUE(seen.crash.has_value());
  EXPECT_EQ(seen.crash->console.back(), "fake login:");
  EXPECT_EQ(seen.crash->engine, std::vector<std::string>{"fake: crashed as it was told to"});
  EXPECT_FALSE(seen.crash->monitor.empty());
  EXPECT_FALSE(seen.crash->at.empty());
  set("COVE_FAKE", "{}");
  auto again = launch();
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(stop("force").ok());
  EXPECT_EQ(after_end().state, MachineState::kStopped);
}

TEST_F(SupervisorLife, AGuestThatPowersOffEndsItsSupervisorInOrder) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ASSERT_TRUE(wait_for("agent"));
  ASSERT_TRUE(call("agent-shutdown").ok());
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
  EXPECT_EQ(after_end().state, MachineState::kStopped);
}

TEST_F(SupervisorLife, RestartsByAskingAndByForce) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  for (const auto* mode : {"ask", "force"}) {
    ASSERT_TRUE(wait_for("agent"));
    ControlRequest request;
    request.set_type("restart");
    request.mutable_stop()->set_mode(mode);
    const auto restarted = call(request);
    ASSERT_TRUE(restarted.ok()) << restarted.error().message();
    EXPECT_EQ(status().status().state(), "running");
  }
  ASSERT_TRUE(wait_for("agent"));
  EXPECT_TRUE(stop("ask").ok());
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
}

TEST_F(SupervisorLife, AGuestThatDoesNotListenIsForcedAfterItsTime) {
  set("COVE_FAKE", R"({"power_button":"ignored"})");
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ASSERT_TRUE(stop("acpi", 300).ok());
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
  EXPECT_EQ(after_end().state, MachineState::kStopped);
}

TEST_F(SupervisorLife, ASignalSuspends) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  vm->process.signal(SIGTERM);
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
  EXPECT_EQ(after_end().state, MachineState::kSuspended);
}

TEST_F(SupervisorLife, AVmThatCannotBeSavedRunsOnUntilASecondSignalAndEndsByForceAtAThird) {
  set("COVE_FAKE", R"({"power_button":"ignored","agent":false,"fail":"save_devices"})");
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  vm->process.signal(SIGTERM);
  while (log().find("was not suspended") == std::string::npos) {
  }
  EXPECT_EQ(status().status().state(), "running");
  vm->process.signal(SIGTERM);
  ASSERT_TRUE(read_file(vm_.supervisor_log()).ok());
  while (status().status_detail().reason().find("is being stopped") == std::string::npos) {
  }
  vm->process.signal(SIGINT);
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
  EXPECT_NE(log().find("stopping by force"), std::string::npos);
}

TEST_F(SupervisorLife, TheLauncherDeathSuspendsAnAttachedVm) {
  auto vm = launch(LaunchRequest::Mode::kAttached);
  ASSERT_TRUE(vm.ok());
  vm->lifetime.reset();
  EXPECT_EQ(vm->process.wait(kPatient)->describe(), "exit status 0");
  EXPECT_EQ(after_end().state, MachineState::kSuspended);
}

TEST_F(SupervisorLife, AFullDiskPausesAndSaysSo) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ASSERT_TRUE(wait_for("kernel"));
  auto client = connect();
  ControlRequest request;
  request.set_type("console-attach");
  request.mutable_console()->set_replay_bytes(4096);
  ASSERT_TRUE(client.call(kPatient, request).ok());
  const RawStream console = std::move(client).into_stream();
  ASSERT_TRUE(write_all(kPatient, console.fd.get(), "enospc\n").ok());
  ControlResponse seen = status();
  while (seen.status().state() != "paused") seen = status();
  EXPECT_NE(seen.status_detail().reason().find("no space"), std::string::npos)
      << seen.status_detail().reason();
  EXPECT_NE(seen.status_detail().hint().find("cove resume vm"), std::string::npos);
  EXPECT_TRUE(call("resume").ok());
  EXPECT_EQ(status().status_detail().reason(), "");
  EXPECT_TRUE(stop("force").ok());
}

TEST_F(SupervisorLife, ConsoleIsSharedReplayedAndLogged) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ASSERT_TRUE(wait_for("kernel"));
  std::vector<RawStream> readers;
  for (int i = 0; i < 3; ++i) {
    auto client = connect();
    ControlRequest request;
    request.set_type("console-attach");
    request.mutable_console()->set_replay_bytes(i == 0 ? 65536 : 0);
    ASSERT_TRUE(client.call(kPatient, request).ok());
    readers.push_back(std::move(client).into_stream());
  }
  ASSERT_TRUE(write_all(kPatient, readers[1].fd.get(), "hello console\n").ok());
  for (auto& reader : readers) {
    std::string got = reader.early;
    char chunk[256];
    while (got.find("hello console") == std::string::npos) {
      const auto count = read_some(kPatient, reader.fd.get(), chunk);
      ASSERT_TRUE(count.ok() && *count > 0);
      got.append(chunk, *count);
    }
    EXPECT_EQ(got.find("Linux version") != std::string::npos, &reader == &readers[0]) << got;
  }
  EXPECT_TRUE(stop("force").ok());
  EXPECT_NE(read_file(vm_.serial_log())->find("hello console"), std::string::npos);
}

TEST_F(SupervisorLife, WaitNamesWhatIsMissing) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ControlRequest request;
  request.set_type("wait");
  request.mutable_wait()->set_fact("nonsense");
  EXPECT_NE(call(request).error().message().find("it has: process, kernel, agent"), std::string::npos);
  EXPECT_TRUE(stop("force").ok());
}

TEST_F(SupervisorLife, RunsCommandsAndCopiesThroughTheControlSocket) {
  auto vm = launch();
  ASSERT_TRUE(vm.ok());
  ControlRequest request;
  request.set_type("agent-exec");
  for (const auto* word : {"sh", "-c", "cat; echo err >&2; exit 3"})
    request.mutable_agent_exec()->add_args(word);
  request.mutable_agent_exec()->set_stdin("in\xff");
  const auto result = call(request);
  ASSERT_TRUE(result.ok()) << result.error().message();
  EXPECT_EQ(result->agent_exec_result().exit_code(), 3);
  EXPECT_EQ(result->agent_exec_result().stderr(), "err\n");
  EXPECT_EQ(result->agent_exec_detail().stdout(), "in\xff");

  const auto source = temp_.path() / "source";
  const auto target = temp_.path() / "deep" / "target";
  ASSERT_TRUE(write_file_atomic(source, std::string(300000, 'q'), 0640).ok());
  ControlRequest copy;
  copy.set_type("agent-cp");
  copy.mutable_agent_cp()->set_host_path(source);
  copy.mutable_agent_cp()->set_guest_path(target);
  copy.mutable_agent_cp()->set_to_guest(true);
  const auto copied = call(copy);
  ASSERT_TRUE(copied.ok()) << copied.error().message();
  EXPECT_NE(copied->data().find("(300000 bytes)"), std::string::npos);
  EXPECT_EQ(read_file(target).value(), std::string(300000, 'q'));
  EXPECT_TRUE(stop("force").ok());
}

}  // namespace
}  // namespace cove
