#include "state/collector.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "state/object_sizes.h"
#include "state/store_fixture.h"
#include "state/store_roots.h"

namespace cove {
namespace {

class CollectorTest : public StoreFixture {
 protected:
  // A VM with a snapshot, and an unnamed state, layers and a disk node.
  void fill() {
    web_ = make_vm("web");
    snapshot_ = new_object_id();
    layer_ = full_layer();
    make_state(snapshot_, layer_, root_disk(*web_));
    name_snapshot(*web_, "base", snapshot_);
    set_root_disk(*web_, node_over(root_disk(*web_)));
    garbage_ = new_object_id();
    garbage_layer_ = full_layer();
    garbage_disk_ = node();
    make_state(garbage_, garbage_layer_, garbage_disk_);
  }
  bool garbage_is_there() const {
    return there("states/" + garbage_) && there("ram/" + garbage_ + ".pages") &&
           there("ram/" + garbage_layer_ + ".img") && there("disk/" + garbage_disk_);
  }
  bool all_is_kept() const {
    return garbage_is_there() && store().check(store().load(snapshot_).value()).ok() &&
           nodes().open(root_disk(*web_)).ok();
  }

  std::optional<VmDirectory> web_;
  std::string snapshot_, layer_, garbage_, garbage_layer_, garbage_disk_;
};

TEST_F(CollectorTest, WhatNoVmReachesGoesAndNothingElse) {
  fill();
  const auto report = sweep();
  EXPECT_EQ(report.kept, "");
  EXPECT_EQ(report.removed, 4U);
  EXPECT_GT(report.freed_bytes, kMemoryBytes);
  EXPECT_FALSE(there("states/" + garbage_));
  EXPECT_FALSE(there("ram/" + garbage_ + ".pages"));
  EXPECT_FALSE(there("ram/" + garbage_layer_ + ".img"));
  EXPECT_FALSE(there("disk/" + garbage_disk_));
  const auto state = store().load(snapshot_).value();
  EXPECT_TRUE(store().check(state).ok());
  EXPECT_TRUE(nodes().open(state.disks.front().node).ok());
  EXPECT_TRUE(nodes().open(root_disk(*web_)).ok());
  EXPECT_EQ(sweep().removed, 0U);
}

TEST_F(CollectorTest, AnIdIsHeldByEachOfTheFiles) {
  fill();
  ASSERT_TRUE(web_->save_pending({garbage_}).ok());
  sweep();
  EXPECT_TRUE(garbage_is_there()) << "a state that is spoken for keeps all it is made of";
  ASSERT_TRUE(web_->save_suspend({.state = garbage_}).ok());
  ASSERT_TRUE(web_->save_pending({}).ok());
  sweep();
  EXPECT_TRUE(garbage_is_there());
  ASSERT_TRUE(web_->save_pending({garbage_layer_, garbage_disk_, garbage_}).ok());
  ASSERT_TRUE(web_->clear_suspend().ok());
  ASSERT_TRUE(store().remove(garbage_).ok());
  sweep();
  EXPECT_TRUE(there("ram/" + garbage_ + ".pages") && there("ram/" + garbage_layer_ + ".img") &&
              there("disk/" + garbage_disk_));
  ASSERT_TRUE(web_->save_pending({}).ok());
  EXPECT_EQ(sweep().removed, 3U);
}

TEST_F(CollectorTest, ADeletedVmsShareGoesAndWhatOthersReachStays) {
  fill();
  const auto other = make_vm("other");
  const auto shared_disk = store().load(snapshot_)->disks.front().node;
  const auto own_disk = root_disk(*web_);
  set_root_disk(other, node_over(shared_disk));
  ASSERT_TRUE(VmRegistry(home_).remove(web_->name()).ok());
  sweep();
  EXPECT_FALSE(there("states/" + snapshot_));
  EXPECT_FALSE(there("ram/" + layer_ + ".img"));
  EXPECT_FALSE(there("disk/" + own_disk));
  EXPECT_TRUE(there("disk/" + shared_disk));
  EXPECT_EQ(nodes().list()->size(), 2U);
}

TEST_F(CollectorTest, AFileOfAVmThatCannotBeReadKeepsEverything) {
  fill();
  const auto other = make_vm("other");
  for (const char* file : {"pending.json", "config.json", "suspend.json", "snapshots.json"}) {
    const auto path = other.path() / file;
    const auto text = read_file(path);
    for (const char* bad : {"{", "{\"version\":99}"}) {
      ASSERT_TRUE(write_file_atomic(path, bad).ok());
      const auto report = sweep();
      EXPECT_TRUE(report.kept.starts_with("vm \"other\": ")) << report.kept;
      EXPECT_TRUE(all_is_kept()) << file;
    }
    ASSERT_TRUE(text.ok() ? write_file_atomic(path, *text).ok() : remove_tree(path).ok());
  }
  ASSERT_TRUE(remove_tree(other.config_path()).ok());
  EXPECT_NE(sweep().kept, "");
  EXPECT_TRUE(all_is_kept()) << "a VM that lost its configuration";
  ASSERT_TRUE(VmRegistry(home_).remove(other.name()).ok());
  EXPECT_EQ(sweep().kept, "");
  EXPECT_FALSE(garbage_is_there());
}

TEST_F(CollectorTest, AVmWhoseFolderIsElsewhereAndAwayKeepsEverything) {
  fill();
  const auto elsewhere = temp_.path() / "mnt";
  ASSERT_TRUE(rename_durably(web_->path(), elsewhere).ok());
  ASSERT_EQ(::symlink(elsewhere.c_str(), web_->path().c_str()), 0);
  ASSERT_TRUE(rename_durably(elsewhere, temp_.path() / "unmounted").ok());
  EXPECT_NE(sweep().kept, "");
  ASSERT_TRUE(rename_durably(temp_.path() / "unmounted", elsewhere).ok());
  EXPECT_TRUE(all_is_kept());
  EXPECT_EQ(sweep().kept, "");
  EXPECT_FALSE(garbage_is_there());
}

TEST_F(CollectorTest, ANamedStateThatCannotBeReadKeepsEverything) {
  fill();
  const auto folder = store().folder(snapshot_);
  for (const char* file : {"manifest.json", "page.index"}) {
    const auto text = read_file(folder / file).value();
    ASSERT_TRUE(write_file_atomic(folder / file, text.substr(0, 40)).ok());
    EXPECT_NE(sweep().kept.find("state " + snapshot_), std::string::npos) << sweep().kept;
    EXPECT_TRUE(garbage_is_there());
    EXPECT_TRUE(there("ram/" + layer_ + ".img"));
    ASSERT_TRUE(write_file_atomic(folder / file, text).ok());
  }
  ASSERT_TRUE(store().remove(snapshot_).ok());
  EXPECT_NE(sweep().kept, "");
  EXPECT_TRUE(there("ram/" + layer_ + ".img")) << "a state that is away";
}

TEST_F(CollectorTest, AStateThatNobodyNamesNeedNotBeReadable) {
  fill();
  ASSERT_TRUE(write_file_atomic(store().folder(garbage_) / "manifest.json", "x").ok());
  EXPECT_EQ(sweep().kept, "");
  EXPECT_FALSE(there("states/" + garbage_));
  EXPECT_FALSE(there("ram/" + garbage_layer_ + ".img"));
}

TEST_F(CollectorTest, ADiskThatCannotBeFollowedKeepsEverything) {
  fill();
  const auto top = root_disk(*web_);
  const auto below = store().load(snapshot_)->disks.front().node;
  for (const auto& id : {top, below}) {
    const auto path = nodes().path_of(id).value();
    const auto away = temp_.path() / "away";
    ASSERT_TRUE(rename_durably(path, away).ok());
    EXPECT_NE(sweep().kept, "") << "missing";
    ASSERT_TRUE(write_file_atomic(path, "no disk").ok());
    EXPECT_NE(sweep().kept, "") << "damaged";
    ASSERT_TRUE(rename_durably(away, path).ok());
    EXPECT_TRUE(all_is_kept());
  }
  ASSERT_TRUE(remove_tree(nodes().path_of(top).value()).ok());
  ASSERT_TRUE(web_->set_creating("making its disk").ok());
  EXPECT_EQ(sweep().kept, "") << "a disk that is about to be made";
}

TEST_F(CollectorTest, UnfinishedFilesStayWithWhoSpokeForThem) {
  const auto web = make_vm("web");
  const auto spoken = new_object_id();
  const auto other = new_object_id();
  ASSERT_TRUE(web.save_pending({spoken}).ok());
  const auto files = [](const std::string& id) {
    return std::vector<std::string>{
        "disk/." + id + ".new",       "disk/." + id + ".above",    "disk/" + id + ".new-0123456789abcdef",
        "ram/." + id + ".img.17.new", "ram/." + id + ".pages.new", "states/.new-" + id + "/nvram"};
  };
  for (const auto& id : {spoken, other}) {
    for (const auto& file : files(id)) put(file);
    put("states/.gone-" + id + "/nvram");
  }
  for (const char* file : {"disk/notes.txt", "ram/lost+found/x", "states/.directory"}) put(file);
  EXPECT_EQ(sweep().removed, files(other).size() + 2);
  for (const auto& file : files(spoken)) EXPECT_TRUE(there(file)) << file;
  for (const auto& file : files(other)) EXPECT_FALSE(there(file)) << file;
  EXPECT_FALSE(there("states/.new-" + other));
  EXPECT_FALSE(there("states/.gone-" + spoken));
  for (const char* file : {"disk/notes.txt", "ram/lost+found/x", "states/.directory"})
    EXPECT_TRUE(there(file)) << "not ours: " << file;
}

TEST_F(CollectorTest, ADiskInTheMakingStaysUntilItIsThere) {
  const auto web = make_vm("web");
  const auto draft = root_disk(web) + ".new-0123456789abcdef";
  put("disk/" + draft);
  const auto disk = nodes().path_of(root_disk(web)).value();
  const auto away = temp_.path() / "away";
  ASSERT_TRUE(rename_durably(disk, away).ok());
  ASSERT_TRUE(web.set_creating("making its disk").ok());
  sweep();
  EXPECT_TRUE(there("disk/" + draft));
  ASSERT_TRUE(rename_durably(away, disk).ok());
  sweep();
  EXPECT_FALSE(there("disk/" + draft));
}

TEST_F(CollectorTest, AFrozenMemoryGoesWhenNobodyHoldsIt) {
  const auto web = make_vm("web");
  const auto held = new_object_id();
  const auto in_the_making = new_object_id();
  const auto left = new_object_id();
  const auto frozen = [this](const std::string& id) { return frozen_ / hot_layer_path(id).filename(); };
  for (const auto& id : {held, in_the_making, left})
    ASSERT_TRUE(write_file_atomic(frozen(id), "memory", 0400).ok());
  const auto there_are = [&] {
    return std::vector<bool>{path_exists(frozen(held)), path_exists(frozen(in_the_making)),
                             path_exists(frozen(left))};
  };
  const SweepOptions old_ones{.frozen_memory_age = std::chrono::seconds(0), .frozen_memory_folder = frozen_};
  std::optional<UniqueFd> user = open_file(frozen(held), O_RDONLY).value();
  ASSERT_EQ(::flock(user->get(), LOCK_SH), 0);
  ASSERT_TRUE(web.save_pending({in_the_making}).ok());
  sweep();
  EXPECT_EQ(there_are(), (std::vector<bool>{true, true, true})) << "new: another home's, perhaps";
  {
    const auto lock = web.lock("supervisor");
    ASSERT_TRUE(lock.ok());
    ASSERT_TRUE(sweep_store(home_, old_ones).ok());
    EXPECT_EQ(there_are(), (std::vector<bool>{true, true, false}));
  }
  ASSERT_TRUE(sweep_store(home_, old_ones).ok());
  EXPECT_EQ(there_are(), (std::vector<bool>{true, false, false})) << "who spoke for it is dead";
  user.reset();
  ASSERT_TRUE(sweep_store(home_, old_ones).ok());
  EXPECT_EQ(there_are(), (std::vector<bool>{false, false, false}));
}

TEST_F(CollectorTest, AHomeThatIsNotThereIsNotMade) {
  const Home away(temp_.path() / "away");
  EXPECT_EQ(sweep_store(away)->removed, 0U);
  EXPECT_FALSE(path_exists(away.root()));
}

TEST_F(CollectorTest, SizesTellWhatADeletionFrees) {
  // A file's blocks are what they will be once the file system has written them.
  const auto settle_blocks = [this] {
    const auto home = open_file(home_.root(), O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(home.ok() && ::syncfs(home->get()) == 0);
  };
  fill();
  const auto before = store().page_index(store().load(snapshot_).value()).value();
  const auto second = new_object_id();
  make_state(second, layer_, root_disk(*web_), &before);
  name_snapshot(*web_, "second", second);
  set_root_disk(*web_, node_over(root_disk(*web_)));
  const auto bytes = [this](const std::string& object) {
    return object_bytes(home_.root() / "store" / object);
  };
  settle_blocks();
  auto sizes = measure_store(home_).value();
  EXPECT_EQ(sizes.states.size(), 2U) << "only what a VM names";
  EXPECT_EQ(sizes.states.at(snapshot_).own,
            bytes("states/" + snapshot_) + bytes("ram/" + snapshot_ + ".pages"));
  EXPECT_EQ(sizes.states.at(snapshot_).shared,
            bytes("ram/" + layer_ + ".img") + bytes("disk/" + store().load(snapshot_)->disks.front().node));
  EXPECT_EQ(sizes.vms.at("web").shared, 0U);

  const auto promised = sizes.states.at(second).own;
  sweep();
  drop_snapshot(*web_, "second");
  EXPECT_EQ(sweep().freed_bytes, promised);

  const auto fork = make_vm("fork");
  ASSERT_TRUE(fork.save_suspend({.state = snapshot_, .origin = SuspendRecord::Origin::kFork}).ok());
  settle_blocks();
  sizes = measure_store(home_).value();
  EXPECT_EQ(sizes.states.at(snapshot_).own, 0U) << "the fork goes on needing it";
  EXPECT_EQ(sizes.vms.at("fork").own, bytes("disk/" + root_disk(fork)));
  EXPECT_EQ(sizes.vms.at("fork").shared, sizes.vms.at("web").shared);
  const auto own = sizes.vms.at("web").own;
  ASSERT_TRUE(VmRegistry(home_).remove(web_->name()).ok());
  EXPECT_EQ(sweep().freed_bytes, own);
}

}  // namespace
}  // namespace cove
