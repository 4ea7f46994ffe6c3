#include "store/state_records.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "store/vm_registry.h"

namespace cove {
namespace {

const std::string kStateId = "0123456789abcdef0123456789abcdef";

TEST(SuspendRecordTest, ReadsWhatItWrote) {
  using enum SuspendRecord::Origin;
  for (const auto origin : {kSuspend, kRestore, kFork}) {
    const SuspendRecord record{kStateId, origin, origin == kRestore ? "before-update" : "",
                               "2026-11-23T20:00:00Z"};
    const auto read = SuspendRecord::parse(record.to_text());
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(*read, record);
  }
}

TEST(SuspendRecordTest, RefusesWhatItIsNot) {
  const auto text = SuspendRecord{kStateId, {}, {}, {}}.to_text();
  const auto changed = [&](std::string_view from, std::string_view to) {
    auto other = text;
    other.replace(other.find(from), from.size(), to);
    return SuspendRecord::parse(other);
  };
  EXPECT_EQ(changed("\"version\":1", "\"version\":2").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(changed("\"version\":1", "\"version\":0").error().code(), Code::kDataLoss);
  EXPECT_EQ(changed(kStateId, "../../etc/passwd").error().code(), Code::kDataLoss);
  EXPECT_EQ(changed("\"suspend\"", "\"other\"").error().code(), Code::kDataLoss);
  for (std::size_t cut = 0; cut + 2 < text.size(); ++cut)
    EXPECT_FALSE(SuspendRecord::parse(text.substr(0, cut)).ok()) << cut;
}

TEST(PendingIdsTest, ReadsWhatItWroteAndRefusesOthers) {
  const PendingIds ids{kStateId, "ffffffffffffffffffffffffffffffff"};
  const auto read = parse_pending(pending_text(ids));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(*read, ids);
  EXPECT_EQ(parse_pending(R"({"version":1,"ids":["x"]})").error().code(), Code::kDataLoss);
  EXPECT_EQ(parse_pending(R"({"version":1})").error().code(), Code::kDataLoss);
  EXPECT_EQ(parse_pending(R"({"version":9,"ids":[]})").error().code(), Code::kFailedPrecondition);
  EXPECT_FALSE(parse_pending("").ok());
}

class VmStateFilesTest : public ::testing::Test {
 protected:
  VmStateFilesTest()
      : temp_(std::move(TempDir::create("/tmp", "cove-records-")).value()),
        directory_(std::move(VmRegistry(Home(temp_.path() / "home")).create(*VmName::parse("one"))).value()) {
    VmConfig config;
    config.root_disk = new_object_id();
    EXPECT_TRUE(directory_.save_config(config).ok());
    EXPECT_TRUE(write_file_atomic(directory_.home().disk_node(config.root_disk), "disk").ok());
    EXPECT_TRUE(directory_.clear_creating().ok());
  }
  TempDir temp_;
  VmDirectory directory_;
};

TEST_F(VmStateFilesTest, WhatIsNotThereIsEmpty) {
  EXPECT_TRUE(directory_.load_snapshots()->all().empty());
  EXPECT_FALSE(directory_.load_suspend()->has_value());
  EXPECT_TRUE(directory_.load_pending()->empty());
  EXPECT_TRUE(directory_.clear_suspend().ok());
}

TEST_F(VmStateFilesTest, AVmWithASuspendedStateIsSuspendedUntilItRuns) {
  const SuspendRecord record{kStateId, SuspendRecord::Origin::kSuspend, "", "2026-11-23T20:00:00Z"};
  ASSERT_TRUE(directory_.save_suspend(record).ok());
  const auto seen = directory_.observe();
  EXPECT_EQ(seen.state, MachineState::kSuspended);
  ASSERT_TRUE(seen.suspended.has_value());
  EXPECT_EQ(*seen.suspended, record);
  // A crash before its CPUs ran leaves it so.
  ASSERT_TRUE(directory_.begin_session().ok());
  EXPECT_EQ(directory_.observe().state, MachineState::kSuspended);
  ASSERT_TRUE(directory_.clear_suspend().ok());
  EXPECT_EQ(directory_.observe().state, MachineState::kCrashed);
}

TEST_F(VmStateFilesTest, ADamagedRecordMakesItBrokenNotStopped) {
  ASSERT_TRUE(write_file_atomic(directory_.suspend_path(), "{").ok());
  EXPECT_EQ(directory_.observe().state, MachineState::kBroken);
  EXPECT_NE(directory_.observe().reason.find("suspend.json"), std::string::npos);
}

TEST_F(VmStateFilesTest, PendingIdsGoWithTheLast) {
  ASSERT_TRUE(directory_.save_pending({kStateId}).ok());
  EXPECT_EQ(directory_.load_pending()->count(kStateId), 1U);
  ASSERT_TRUE(directory_.save_pending({}).ok());
  EXPECT_FALSE(path_exists(directory_.pending_path()));
}

}  // namespace
}  // namespace cove
