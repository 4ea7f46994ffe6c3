#include "store/vm_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "store/vm_registry.h"

namespace cove {
namespace {

class VmDirectoryTest : public ::testing::Test {
 protected:
  VmDirectoryTest()
      : temp_(std::move(TempDir::create("/tmp", "cove-store-")).value()),
        registry_(Home(temp_.path() / "home")),
        directory_(std::move(registry_.create(*VmName::parse("one"))).value()) {}

  // Brings the VM to "stopped".
  void finish() {
    VmConfig config;
    config.root_disk = new_object_id();
    ASSERT_TRUE(directory_.save_config(config).ok());
    ASSERT_TRUE(write_file_atomic(directory_.home().disk_node(config.root_disk), "disk").ok());
    ASSERT_TRUE(directory_.clear_creating().ok());
  }

  TempDir temp_;
  VmRegistry registry_;
  VmDirectory directory_;
};

TEST_F(VmDirectoryTest, IsCreatingUntilItsMarkIsGone) {
  EXPECT_EQ(directory_.observe().state, MachineState::kCreating);
  EXPECT_NE(directory_.observe().reason.find("interrupted"), std::string::npos);
  {
    const auto lock = directory_.lock("create");
    ASSERT_TRUE(lock.ok());
    EXPECT_NE(directory_.observe().reason.find("by pid"), std::string::npos);
  }
  finish();
  EXPECT_EQ(directory_.observe().state, MachineState::kStopped);
}

TEST_F(VmDirectoryTest, AHeldLockSaysWhoAndWhatFor) {
  finish();
  auto lock = directory_.lock("supervisor");
  ASSERT_TRUE(lock.ok());
  const Observation seen = directory_.observe();
  EXPECT_TRUE(seen.has_supervisor());
  EXPECT_EQ(seen.state, MachineState::kStarting);
  const auto second = directory_.lock("delete");
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message().find("is running (pid"), std::string::npos) << second.error().message();
}

TEST_F(VmDirectoryTest, TheLocksNoteSaysWhatTheVmDoes) {
  finish();
  ASSERT_TRUE(directory_.begin_session().ok());
  auto lock = directory_.lock("supervisor");
  ASSERT_TRUE(lock.ok());
  for (const auto state : {MachineState::kRunning, MachineState::kPaused, MachineState::kStarting}) {
    ASSERT_TRUE(directory_.note_phase(*lock, to_string(state)).ok());
    EXPECT_EQ(directory_.observe().state, state);
    EXPECT_FALSE(directory_.observe().stopping());
    EXPECT_EQ(directory_.observe().holder->pid, ::getpid());
  }
  ASSERT_TRUE(directory_.note_phase(*lock, kStoppingPhase).ok());
  EXPECT_TRUE(directory_.observe().stopping());
  EXPECT_EQ(directory_.observe().state, MachineState::kRunning);
  // A reader between the write and the cut finds the end of the note before.
  const auto note = directory_.observe().holder->to_text();
  EXPECT_EQ(LockNote::from_text(note + "old rest\"}").phase, kStoppingPhase);
}

TEST_F(VmDirectoryTest, MemoryIsFoundByItsFolderAlsoAfterARename) {
  finish();
  const auto ram = directory_.ram_path();
  ASSERT_TRUE(write_file_atomic(ram, "left by a crash").ok());
  const VmName two = *VmName::parse("two");
  ASSERT_TRUE(registry_.rename(directory_.name(), two).ok());
  EXPECT_FALSE(path_exists(ram));
  const VmDirectory renamed(directory_.home(), two);
  EXPECT_EQ(renamed.ram_path(), ram);
  ASSERT_TRUE(write_file_atomic(ram, "left by a crash").ok());
  {
    const auto lock = renamed.lock("supervisor");
    EXPECT_FALSE(renamed.drop_stale_ram());
    EXPECT_TRUE(path_exists(ram));
  }
  EXPECT_TRUE(renamed.drop_stale_ram());
  ASSERT_TRUE(write_file_atomic(ram, "left by a crash").ok());
  ASSERT_TRUE(registry_.remove(two).ok());
  EXPECT_FALSE(path_exists(ram));
}

TEST_F(VmDirectoryTest, ASessionWithoutALockIsACrash) {
  finish();
  ASSERT_TRUE(directory_.begin_session().ok());
  EXPECT_EQ(directory_.observe().state, MachineState::kCrashed);
  ASSERT_TRUE(directory_.end_session().ok());
  EXPECT_EQ(directory_.observe().state, MachineState::kStopped);
}

TEST_F(VmDirectoryTest, ASessionOfAnEarlierHostBootSaysSo) {
  finish();
  ASSERT_TRUE(
      write_file_atomic(directory_.session_path(), R"({"version":1,"pid":1,"boot_id":"other"})").ok());
  EXPECT_NE(directory_.observe().reason.find("host restarted"), std::string::npos);
}

TEST_F(VmDirectoryTest, DamageIsBrokenWithAReason) {
  finish();
  ASSERT_TRUE(write_file_atomic(directory_.config_path(), "{\"cpu\":").ok());
  EXPECT_EQ(directory_.observe().state, MachineState::kBroken);
  EXPECT_NE(directory_.observe().reason.find("config.json"), std::string::npos);
  VmConfig config;
  config.root_disk = new_object_id();
  ASSERT_TRUE(directory_.save_config(config).ok());
  EXPECT_NE(directory_.observe().reason.find("root disk"), std::string::npos);
}

TEST_F(VmDirectoryTest, TokensArePrivateAndWhole) {
  const auto token = directory_.load_token();
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->size(), 64U);
  ASSERT_EQ(::chmod(directory_.token_path().c_str(), 0640), 0);
  EXPECT_EQ(directory_.load_token().error().code(), Code::kPermissionDenied);
  ASSERT_TRUE(write_file_atomic(directory_.token_path(), "\n", 0600).ok());
  EXPECT_EQ(directory_.load_token().error().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace cove
