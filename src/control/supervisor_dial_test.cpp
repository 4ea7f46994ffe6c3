#include "control/supervisor_dial.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/testing/as_nobody.h"
#include "base/testing/patience.h"
#include "base/unix_socket.h"
#include "control/control_client.h"

namespace cove {
namespace {

using testing::patient;

class SupervisorDial : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(make_directories(vm_.path(), 0700).ok());
    ASSERT_TRUE(write_file_atomic(vm_.token_path(), std::string(64, '0') + "\n", 0600).ok());
  }
  TempDir folder_ = TempDir::create("/tmp", "dial-test").value();
  VmDirectory vm_{Home(folder_.path()), VmName::parse("vm").value()};
};

TEST_F(SupervisorDial, ErrorsSayWhatTheVmIsDoing) {
  const auto failure = [&] {
    return ControlClient::connect(OpContext{}.with_timeout(std::chrono::seconds(5)), vm_).error();
  };
  VmConfig config;
  config.root_disk = new_object_id();
  ASSERT_TRUE(vm_.save_config(config).ok());
  ASSERT_TRUE(make_directories(vm_.home().disk_node(config.root_disk).parent_path()).ok());
  ASSERT_TRUE(write_file_atomic(vm_.home().disk_node(config.root_disk), "disk").ok());
  EXPECT_EQ(failure().message(), "vm \"vm\" is not running");
  EXPECT_EQ(failure().hint_text(), "start it: cove up vm");

  { const UniqueFd stale = listen_unix(vm_.control_socket(), 1).value(); }
  EXPECT_EQ(failure().message(), "vm \"vm\" is not running");
  ASSERT_TRUE(vm_.begin_session().ok());
  ASSERT_TRUE(vm_.end_session_crashed({.reason = "QEMU ended"}).ok());
  EXPECT_EQ(failure().message(), "vm \"vm\" is not running: it crashed: QEMU ended");
  EXPECT_EQ(failure().code(), Code::kFailedPrecondition);

  const auto lock = vm_.lock("supervisor");
  ASSERT_TRUE(lock.ok());
  EXPECT_NE(failure().message().find("is starting or ending: its supervisor (pid "), std::string::npos);
  EXPECT_EQ(failure().code(), Code::kUnavailable);

  // One that listens but never accepts; its backlog is full.
  const UniqueFd deaf = listen_unix(vm_.control_socket(), 0).value();
  const UniqueFd first = connect_unix(patient(), vm_.control_socket()).value();
  const auto silent =
      ControlClient::connect(OpContext{}.with_timeout(std::chrono::milliseconds(50)), vm_).error();
  EXPECT_NE(silent.message().find("does not answer: its supervisor (pid "), std::string::npos);
  EXPECT_EQ(silent.code(), Code::kDeadlineExceeded);
}

TEST_F(SupervisorDial, ASupervisorOfAnotherUserIsNamedAsThat) {
  VmConfig config;
  config.root_disk = new_object_id();
  ASSERT_TRUE(vm_.save_config(config).ok());
  const auto lock = vm_.lock("supervisor");
  ASSERT_TRUE(lock.ok());
  const UniqueFd theirs = listen_unix(vm_.control_socket(), 1).value();
  ASSERT_EQ(::chmod(vm_.control_socket().c_str(), 0), 0);
  for (auto path = vm_.path(); path != "/tmp"; path = path.parent_path()) ::chmod(path.c_str(), 0755);
  ASSERT_EQ(::chmod(vm_.run_lock().c_str(), 0666), 0);
  const AsNobody nobody;
  const auto denied = ControlClient::connect(patient(), vm_).error();
  EXPECT_EQ(denied.code(), Code::kPermissionDenied);
  EXPECT_NE(denied.message().find("vm \"vm\" was started by user "), std::string::npos) << denied.message();
  EXPECT_NE(denied.message().find(", who alone may ask its supervisor (pid "), std::string::npos);
  EXPECT_TRUE(denied.hint_text().starts_with("run this as user ")) << denied.hint_text();
}

}  // namespace
}  // namespace cove
