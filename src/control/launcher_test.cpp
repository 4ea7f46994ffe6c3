#include "control/launcher.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"
#include "base/testing/patience.h"

namespace cove {
namespace {

using testing::patient;

class Steps final : public Progress {
 public:
  void step(std::string_view what) override { all.emplace_back(what); }
  void amount(std::uint64_t done, std::uint64_t total) override {
    all.push_back(std::to_string(done) + "/" + std::to_string(total));
  }
  std::vector<std::string> all;
};

class LauncherTest : public ::testing::Test {
 protected:
  // A supervisor made of shell: the ready pipe is its descriptor 3, the lifetime pipe 4.
  LaunchRequest with_script(const std::string& body) {
    const auto path = folder_.path() / "cove-vm";
    EXPECT_TRUE(write_file_atomic(path, "#!/bin/sh\n" + body, 0700).ok());
    LaunchRequest request;
    request.program = path;
    request.home = folder_.path();
    request.vm = "dev";
    request.log_file = folder_.path() / "supervisor.log";
    return request;
  }
  TempDir folder_ = TempDir::create("/tmp", "launcher-test").value();
  Steps steps_;
};

TEST_F(LauncherTest, PassesStepsOnAndReturnsWhenReady) {
  auto request = with_script(R"(echo '{"step":"starting"}' >&3; echo '{"done":1,"total":2}' >&3
echo "args $*"; ls /proc/self/fd | tr '\n' ' '; ps -o sid= -p $$ | tr -d ' '; echo $$
echo '{"ready":true}' >&3)");
  request.mode = LaunchRequest::Mode::kAttached;
  request.forwards = {{"127.0.0.1", 2222, 22}};
  auto vm = launch_vm(patient(), request, steps_);
  ASSERT_TRUE(vm.ok()) << vm.error().message();
  EXPECT_EQ(steps_.all, (std::vector<std::string>{"starting", "1/2"}));
  EXPECT_TRUE(vm->process.wait(patient())->success());
  const std::string log = read_file(request.log_file).value();
  EXPECT_NE(log.find("args -home " + folder_.path().string() +
                     " -vm dev -ready-fd 3 -lifetime-fd 4 -forward 127.0.0.1:2222:22"),
            std::string::npos)
      << log;
  struct stat status {};
  ASSERT_EQ(::stat(request.log_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(LauncherTest, ReturnsTheSupervisorsError) {
  const auto request = with_script(
      R"(echo '{"error":{"code":"resource_exhausted","message":"no room","hint":"make some"}}' >&3)");
  const auto vm = launch_vm(patient(), request, steps_);
  EXPECT_EQ(vm.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(vm.error().message(), "no room");
  EXPECT_EQ(vm.error().hint_text(), "make some");
}

TEST_F(LauncherTest, SaysWhatAWordlessDeathLeftInTheLog) {
  const auto vm = launch_vm(patient(), with_script("echo went wrong >&2; exit 7"), steps_);
  EXPECT_EQ(vm.error().code(), Code::kAborted);
  EXPECT_NE(vm.error().message().find("exit status 7"), std::string::npos);
  EXPECT_NE(vm.error().message().find("went wrong"), std::string::npos);
}

TEST_F(LauncherTest, EndsTheSupervisorWhenTheCallerGivesUp) {
  const auto request = with_script(
      "sleep 60 & trap \"echo asked to stop >&2; kill $!; exit 0\" TERM\n"
      "echo '{\"step\":\"slow\"}' >&3; wait");
  // Given up when the script is known to listen for the signal.
  class GiveUp final : public Progress {
   public:
    void step(std::string_view) override { caller.cancel(); }
    void amount(std::uint64_t, std::uint64_t) override {}
    CancelSource caller;
  } progress;
  EXPECT_EQ(launch_vm({progress.caller.token(), patient().deadline}, request, progress).error().code(),
            Code::kCancelled);
  EXPECT_NE(read_file(request.log_file)->find("asked to stop"), std::string::npos);
}

TEST_F(LauncherTest, ClosingTheLifetimeReachesTheSupervisor) {
  auto request = with_script("echo '{\"ready\":true}' >&3; cat <&4; exit 5");
  request.mode = LaunchRequest::Mode::kAttached;
  auto vm = launch_vm(patient(), request, steps_).value();
  vm.lifetime.reset();
  EXPECT_EQ(vm.process.wait(patient())->code, 5);
}

TEST_F(LauncherTest, MissingProgramIsNamed) {
  auto request = with_script("");
  request.program = folder_.path() / "absent";
  EXPECT_EQ(launch_vm(patient(), request, steps_).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace cove
