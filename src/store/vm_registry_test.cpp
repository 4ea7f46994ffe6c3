#include "store/vm_registry.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/files.h"
#include "base/thread.h"

namespace cove {
namespace {

class VmRegistryTest : public ::testing::Test {
 protected:
  VmRegistryTest()
      : temp_(std::move(TempDir::create("/tmp", "cove-store-")).value()),
        registry_(Home(temp_.path() / "home")) {}

  static VmName name(const char* text) { return std::move(VmName::parse(text)).value(); }
  // A stopped VM with a disk node; returns the node's id.
  std::string make(const char* text) {
    const auto directory = registry_.create(name(text));
    EXPECT_TRUE(directory.ok());
    VmConfig config;
    config.root_disk = new_object_id();
    EXPECT_TRUE(directory->save_config(config).ok());
    EXPECT_TRUE(write_file_atomic(registry_.home().disk_node(config.root_disk), "disk").ok());
    EXPECT_TRUE(directory->clear_creating().ok());
    return config.root_disk;
  }

  TempDir temp_;
  VmRegistry registry_;
};

TEST_F(VmRegistryTest, AHomeThatIsNotThereHoldsNothingAndIsNotMade) {
  EXPECT_TRUE(registry_.list()->empty());
  const auto opened = registry_.open(name("x"));
  EXPECT_EQ(opened.error().code(), Code::kNotFound);
  EXPECT_EQ(opened.error().hint_text(), "make one: cove up x");
  EXPECT_FALSE(path_exists(registry_.home().root()));
}

TEST_F(VmRegistryTest, OpenSuggestsASimilarName) {
  make("default");
  EXPECT_EQ(registry_.open(name("defualt")).error().hint_text(), "did you mean default?");
}

TEST_F(VmRegistryTest, OfManyCreatorsOneWins) {
  std::atomic<int> won = 0;
  {
    std::vector<Thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back("creator", [&] {
        if (VmRegistry(registry_.home()).create(name("same")).ok()) ++won;
      });
    }
  }
  EXPECT_EQ(won.load(), 1);
  EXPECT_EQ(registry_.list()->size(), 1U);
  EXPECT_EQ(list_directory(registry_.home().vms())->size(), 1U) << "losers leave nothing behind";
}

TEST_F(VmRegistryTest, RemoveTakesItsFolderAndTheMark) {
  const auto one = make("one");
  make("two");
  ASSERT_TRUE(registry_.set_active(name("one")).ok());
  ASSERT_TRUE(registry_.remove(name("one")).ok());
  EXPECT_TRUE(path_exists(registry_.home().disk_node(one))) << "the collector's";
  EXPECT_EQ(list_directory(registry_.home().vms()).value(), std::vector<std::string>{"two"});
  EXPECT_FALSE(registry_.active()->has_value());
  EXPECT_FALSE(path_exists(registry_.home().current()));
}

TEST_F(VmRegistryTest, RemoveAndRenameRefuseALockedVm) {
  make("one");
  const auto directory = registry_.open(name("one"));
  const auto lock = directory->lock("supervisor");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(registry_.remove(name("one")).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(registry_.rename(name("one"), name("two")).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(registry_.list()->size(), 1U);
}

TEST_F(VmRegistryTest, RenameMovesTheActiveMark) {
  make("one");
  make("taken");
  ASSERT_TRUE(registry_.set_active(name("one")).ok());
  EXPECT_EQ(registry_.rename(name("one"), name("taken")).error().code(), Code::kAlreadyExists);
  ASSERT_TRUE(registry_.rename(name("one"), name("two")).ok());
  EXPECT_EQ(registry_.active()->value().str(), "two");
}

TEST_F(VmRegistryTest, ABrokenVmCanStillBeDeleted) {
  make("one");
  ASSERT_TRUE(write_file_atomic(VmDirectory(registry_.home(), name("one")).config_path(), "{").ok());
  ASSERT_TRUE(registry_.remove(name("one")).ok());
  EXPECT_TRUE(registry_.list()->empty());
}

TEST_F(VmRegistryTest, SweepAndCreateRemoveWhatKilledProcessesHid) {
  const auto one = make("one");
  for (const bool by_create : {false, true}) {
    for (const char* hidden : {"vms/.new-0123", "vms/.deleted-0123", ".current-0123"}) {
      ASSERT_TRUE(make_directories(registry_.home().root() / hidden).ok());
    }
    if (by_create) {
      ASSERT_TRUE(registry_.create(name("two")).ok());
    } else {
      ASSERT_TRUE(registry_.sweep().ok());
    }
    EXPECT_EQ(list_directory(registry_.home().vms())->size(), by_create ? 2U : 1U);
    EXPECT_TRUE(path_exists(registry_.home().disk_node(one)));
    EXPECT_FALSE(path_exists(registry_.home().root() / ".current-0123"));
  }
}

}  // namespace
}  // namespace cove
