// Writers that speak for, make, move and drop objects of the store, as VMs do, while the store is swept again
// and again: what a VM's files name is always there. On tmpfs, where a sync costs nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "base/thread.h"
#include "disk/disk_chain.h"
#include "state/store_fixture.h"

namespace cove {
namespace {

constexpr int kRaceRounds = 2000;  // of all writers together
constexpr std::size_t kLongChain = 7;

class CollectorRaceTest : public StoreFixture {
 protected:
  CollectorRaceTest() : StoreFixture("/dev/shm") {}
};

// One VM's process. Its steps follow the rules that collector.h gives.
class RaceWriter {
 public:
  RaceWriter(const Home& home, VmDirectory own, VmDirectory other, std::string base, unsigned seed)
      : nodes_(home.root()),
        store_(home.root()),
        own_(std::move(own)),
        other_(std::move(other)),
        base_(std::move(base)),
        random_(seed) {}

  Result<void> round() {
    switch (random_() % 8) {
      case 0:
      case 1:
        COVE_TRY(add_overlay());
        break;
      case 2:
      case 3:
        COVE_TRY(take_snapshot());
        break;
      case 4:
        COVE_TRY(suspend_a_snapshot_and_drop_it());
        break;
      case 5:
        COVE_TRY(go_on_from_suspended());
        break;
      case 6:
        COVE_TRY(fork_from_the_other());
        break;
      default:
        COVE_TRY(drop_a_snapshot());
        COVE_TRY(merge());
    }
    return random_() % 8 == 0 ? check() : Result<void>();
  }
  // Everything that the files of this VM name is there.
  Result<void> check() const {
    COVE_TRY(check_disk(COVE_TRY(own_.load_config()).root_disk));
    if (const auto record = COVE_TRY(own_.load_suspend())) COVE_TRY(check_state(record->state));
    const auto tree = COVE_TRY(own_.load_snapshots());
    for (const auto& snapshot : tree.all()) COVE_TRY(check_state(snapshot.state));
    for (const auto& layer : running_on_) {
      const bool is_there = path_exists(store_.full_layer(layer)) || path_exists(store_.page_layer(layer));
      if (spoken_.contains(layer) && !is_there) return Error(Code::kDataLoss, "layer " + layer + " is gone");
    }
    return {};
  }

 private:
  Result<void> speak_for(PendingIds ids) {
    spoken_.merge(ids);
    return own_.save_pending(spoken_);
  }
  Result<void> settle(PendingIds ids = {}) {
    spoken_ = std::move(ids);
    return own_.save_pending(spoken_);
  }
  Result<void> set_disk(const std::string& id) {
    auto config = COVE_TRY(own_.load_config());
    config.root_disk = id;
    return own_.save_config(config);
  }
  Result<std::string> overlay_over(const std::string& below) {
    const auto id = new_object_id();
    COVE_TRY(speak_for({id}));
    COVE_TRY(COVE_TRY(nodes_.open(below)).overlay_at(COVE_TRY(nodes_.path_of(id))));
    return id;
  }

  Result<void> add_overlay() {
    COVE_TRY(set_disk(COVE_TRY(overlay_over(COVE_TRY(own_.load_config()).root_disk))));
    return settle();
  }
  Result<void> take_snapshot() {
    auto tree = COVE_TRY(own_.load_snapshots());
    if (tree.all().size() > 5) return drop_a_snapshot();
    const auto id = new_object_id();
    const auto disk = COVE_TRY(own_.load_config()).root_disk;
    COVE_TRY(speak_for({id}));
    COVE_TRY(make_state(id, disk));
    COVE_TRY(set_disk(COVE_TRY(overlay_over(disk))));
    COVE_TRY(tree.add({.name = "s" + std::to_string(++number_), .state = id}));
    COVE_TRY(own_.save_snapshots(tree));
    return settle();
  }
  Result<void> make_state(const std::string& id, const std::string& disk) {
    auto writer = COVE_TRY(PageLayerWriter::create(
        {.layer = store_.page_layer(id), .layer_id = id, .memory_bytes = kPageBytes * 16}));
    COVE_TRY(writer.add(1, std::string(kPageBytes, 'p')));
    const auto index = COVE_TRY(writer.finish());
    auto draft = COVE_TRY(store_.begin(id));
    COVE_TRY(draft.add_file(kPageIndexFile, encode_page_index(index)));
    StateManifest state{.id = id, .memory = StateMemory{base_, kPageBytes * 16}, .disks = {{"root", disk}}};
    state.machine.emplace();
    state.machine->machine_type = "pc";
    state.machine->cpu_model = "max";
    state.machine->memory_bytes = kPageBytes * 16;
    COVE_TRY(draft.commit(std::move(state)));
    return {};
  }
  // Against the order in which the files are read, as fast as can be.
  Result<void> suspend_a_snapshot_and_drop_it() {
    auto tree = COVE_TRY(own_.load_snapshots());
    if (tree.all().empty()) return {};
    const Snapshot taken = tree.all()[random_() % tree.all().size()];
    COVE_TRY(own_.save_suspend({.state = taken.state}));
    COVE_TRY(tree.remove(taken.name));
    return own_.save_snapshots(tree);
  }
  Result<void> go_on_from_suspended() {
    const auto record = COVE_TRY(own_.load_suspend());
    if (!record) return {};
    const auto state = COVE_TRY(store_.load(record->state));
    PendingIds ids = COVE_TRY(store_.layers_of(state));
    ids.insert(state.disks.front().node);
    COVE_TRY(speak_for(ids));
    COVE_TRY(set_disk(COVE_TRY(overlay_over(state.disks.front().node))));
    COVE_TRY(own_.clear_suspend());
    running_on_ = COVE_TRY(store_.layers_of(state));
    return settle(running_on_);
  }
  Result<void> fork_from_the_other() {
    if (COVE_TRY(own_.load_suspend())) return {};
    const auto seen = COVE_TRY(other_.load_snapshots());
    if (seen.all().empty()) return {};
    const Snapshot taken = seen.all().back();
    COVE_TRY(speak_for({taken.state}));
    // Only now is it known that no sweep has missed both.
    const auto now = COVE_TRY(other_.load_snapshots());
    if (now.find(taken.name) == nullptr) return settle();
    COVE_TRY(own_.save_suspend({.state = taken.state, .origin = SuspendRecord::Origin::kFork}));
    return settle();
  }
  Result<void> drop_a_snapshot() {
    auto tree = COVE_TRY(own_.load_snapshots());
    if (tree.all().empty()) return {};
    COVE_TRY(check_state(tree.all().front().state));
    COVE_TRY(tree.remove(std::string(tree.all().front().name)));
    return own_.save_snapshots(tree);
  }
  Result<void> merge() {
    const auto chain = COVE_TRY(chain_of(nodes_, COVE_TRY(own_.load_config()).root_disk));
    if (chain.size() < kLongChain) return {};
    const auto id = new_object_id();
    COVE_TRY(speak_for({id}));
    NoProgress quiet;
    const ChainSegment segment{chain[2], {chain.begin() + 3, chain.end()}};
    const auto merged = merge_segment({}, nodes_, {.segment = segment, .new_id = id}, quiet);
    if (!merged.ok() && merged.error().code() != Code::kAborted) return merged.error();
    return settle();
  }

  Result<void> check_disk(const std::string& id) const {
    COVE_TRY(chain_of(nodes_, id));
    return {};
  }
  Result<void> check_state(const std::string& id) const {
    const auto state = COVE_TRY(store_.load(id));
    COVE_TRY(store_.check(state));
    return check_disk(state.disks.front().node);
  }

  DiskNodes nodes_;
  StateStore store_;
  VmDirectory own_;
  VmDirectory other_;
  std::string base_;
  std::mt19937 random_;
  PendingIds spoken_;
  PendingIds running_on_;
  int number_ = 0;
};

TEST_F(CollectorRaceTest, NothingThatIsNamedIsEverRemoved) {
  const std::vector<VmDirectory> vms{make_vm("one"), make_vm("two")};
  const auto base = full_layer();
  const auto keeper = make_vm("keeper");
  ASSERT_TRUE(keeper.save_pending({base}).ok());
  std::atomic<int> working = 2;
  std::atomic<int> rounds = 0;
  std::size_t removed = 0;
  int sweeps = 0;
  {
    std::vector<Thread> writers;
    for (unsigned i = 0; i < 2; ++i) {
      writers.emplace_back("writer", [&, i] {
        RaceWriter writer(home_, vms[i], vms[1 - i], base, i + 1);
        while (rounds.fetch_add(1) < kRaceRounds) {
          const auto done = writer.round();
          EXPECT_TRUE(done.ok()) << done.error().message();
          if (!done.ok()) break;
        }
        EXPECT_TRUE(writer.check().ok());
        --working;
      });
    }
    while (working > 0) {
      removed += sweep().removed;
      ++sweeps;
    }
  }
  EXPECT_GT(sweeps, 10);
  EXPECT_GT(removed, 100U);
  EXPECT_EQ(sweep().kept, "");
}

}  // namespace
}  // namespace cove
