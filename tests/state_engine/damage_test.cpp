// Every file of a state, damaged: whoever would use it says which file it is before anything is touched, the
// VM stays what it was, and snapshots that do not need the file go on working.
#include <gtest/gtest.h>
#include <unistd.h>

#include <ostream>

#include "expect_done.h"
#include "provision/vm_forker.h"
#include "vm_world.h"

namespace cove::state_test {
namespace {

using Path = std::filesystem::path;

constexpr const char* kDamagedVm = "vm";

enum class Harm : std::uint8_t { kFlip, kCut, kEmpty, kGone, kNewer, kOtherEngine };

struct Damage {
  const char* name;
  Path (*file)(const VmWorld& world, const StateManifest& state);
  Harm harm;
  Code code;
  const char* told;  // part of the error
};

Path file_of(const VmWorld& world, const StateManifest& state, std::string_view name) {
  return world.store().folder(state.id) / name;
}
Path manifest(const VmWorld& world, const StateManifest& state) {
  return file_of(world, state, "manifest.json");
}
Path devices(const VmWorld& world, const StateManifest& state) {
  return file_of(world, state, kDeviceStateFile);
}
Path video(const VmWorld& world, const StateManifest& state) { return file_of(world, state, kVideoFile); }
Path index_file(const VmWorld& world, const StateManifest& state) {
  return file_of(world, state, kPageIndexFile);
}
Path pages(const VmWorld& world, const StateManifest& state) {
  return world.store().page_layer(world.store().page_index(state)->layers.front());
}
Path full_layer(const VmWorld& world, const StateManifest& state) {
  return world.store().full_layer(state.memory->layer);
}
Path disk(const VmWorld& world, const StateManifest& state) {
  return world.home().disk_node(state.disks.front().node);
}
Path suspend_record(const VmWorld& world, const StateManifest& /*state*/) {
  return world.vm(kDamagedVm).suspend_path();
}
const Damage kDamages[] = {
    {"ManifestFlipped", manifest, Harm::kFlip, Code::kDataLoss, "manifest"},
    {"ManifestCut", manifest, Harm::kCut, Code::kDataLoss, "manifest"},
    {"ManifestEmpty", manifest, Harm::kEmpty, Code::kDataLoss, "manifest"},
    {"ManifestGone", manifest, Harm::kGone, Code::kNotFound, "manifest.json"},
    {"ManifestNewer", manifest, Harm::kNewer, Code::kFailedPrecondition, "newer cove"},
    {"EngineOfAnotherVersion", manifest, Harm::kOtherEngine, Code::kFailedPrecondition, "saved by fake 99.1"},
    {"DevicesFlipped", devices, Harm::kFlip, Code::kDataLoss, "device.state"},
    {"DevicesCut", devices, Harm::kCut, Code::kDataLoss, "device.state"},
    {"DevicesGone", devices, Harm::kGone, Code::kDataLoss, "device.state"},
    {"VideoGone", video, Harm::kGone, Code::kDataLoss, "video.pages"},
    {"IndexFlipped", index_file, Harm::kFlip, Code::kDataLoss, "page.index"},
    {"IndexCut", index_file, Harm::kCut, Code::kDataLoss, "page.index"},
    {"IndexGone", index_file, Harm::kGone, Code::kDataLoss, "page.index"},
    {"PagesFlipped", pages, Harm::kFlip, Code::kDataLoss, "page layer"},
    {"PagesCut", pages, Harm::kCut, Code::kDataLoss, ".pages"},
    {"PagesGone", pages, Harm::kGone, Code::kDataLoss, ".pages"},
    {"MemoryCut", full_layer, Harm::kCut, Code::kDataLoss, ".img"},
    {"MemoryGone", full_layer, Harm::kGone, Code::kDataLoss, ".img"},
    {"DiskCut", disk, Harm::kEmpty, Code::kDataLoss, "store/disk/"},
    {"DiskGone", disk, Harm::kGone, Code::kNotFound, "store/disk/"},
    {"SuspendRecordFlipped", suspend_record, Harm::kFlip, Code::kDataLoss, "suspend.json"},
    {"SuspendRecordEmpty", suspend_record, Harm::kEmpty, Code::kDataLoss, "suspend.json"},
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

// Makes the text another that is as valid, as whoever wrote it would have.
std::string rewrite(const StateManifest& state, Harm harm) {
  auto changed = state;
  if (harm == Harm::kOtherEngine) changed.engine = "fake 99.1";
  auto text = changed.to_text();
  if (harm != Harm::kNewer) return text;
  const std::string version = "\"version\": 1";
  const auto at = text.find(version);
  if (at == std::string::npos) return {};
  return text.replace(at, version.size(), "\"version\": 2");
}

// One file, harmed until it is healed.
class HarmedFile {
 public:
  HarmedFile(Path path, const StateManifest& state, Harm harm) : path_(std::move(path)), harm_(harm) {
    length_ = std::filesystem::file_size(path_);
    if (length_ <= kSmall) bytes_ = read_file(path_, kSmall).value();
    if (harm == Harm::kGone) {
      std::filesystem::rename(path_, away());
    } else if (harm == Harm::kCut) {
      std::filesystem::resize_file(path_, length_ / 2);
    } else {
      rewrite_file(state);
    }
  }
  void heal() const {
    if (harm_ == Harm::kGone) {
      std::filesystem::rename(away(), path_);
    } else if (length_ > kSmall) {
      // Memory, and zeros where it was cut.
      std::filesystem::resize_file(path_, length_);
    } else {
      EXPECT_DONE(write_file_atomic(path_, bytes_, 0600));
    }
  }

 private:
  void rewrite_file(const StateManifest& state) const {
    auto bytes = bytes_;
    if (harm_ == Harm::kFlip) bytes.at(bytes.size() / 2) ^= 1;
    if (harm_ == Harm::kEmpty) bytes.clear();
    if (harm_ == Harm::kNewer || harm_ == Harm::kOtherEngine) bytes = rewrite(state, harm_);
    EXPECT_DONE(write_file_atomic(path_, bytes, 0600));
  }

  static constexpr std::size_t kSmall = std::size_t{16} << 20U;
  static Path away() { return "/dev/shm/cove-state-engine-test-" + std::to_string(::getpid()); }
  Path path_;
  Harm harm_;
  std::uint64_t length_ = 0;
  std::string bytes_;
};

class StateDamageFixture : public testing::Test {
 protected:
  // "base" has memory, disk and layers of its own; then the VM boots anew and is suspended twice, so that its
  // state has a page layer.
  StateDamageFixture() {
    EXPECT_DONE(world_.make_vm(kDamagedVm));
    EXPECT_DONE(world_.start(kDamagedVm));
    EXPECT_DONE(world_.poke(kDamagedVm, 1, "base"));
    EXPECT_DONE(world_.snapshot(kDamagedVm, "save", "base"));
    base_ = world_.look(kDamagedVm)->memory;
    EXPECT_DONE(world_.stop(kDamagedVm));
    for (int i = 0; i < 2; ++i) {
      EXPECT_DONE(world_.start(kDamagedVm));
      EXPECT_DONE(world_.poke(kDamagedVm, 2, "later"));
      EXPECT_DONE(world_.write_disk(kDamagedVm, 2, 22));
      now_ = world_.look(kDamagedVm)->memory;
      EXPECT_DONE(world_.call(kDamagedVm, "suspend"));
      world_.after_end(kDamagedVm);
    }
    EXPECT_DONE(world_.sweep());
  }

  VmWorld world_{"/dev/shm"};
  Memory base_;
  Memory now_;
};

class StateDamage : public StateDamageFixture, public testing::WithParamInterface<Damage> {};

TEST_P(StateDamage, IsToldBeforeAnythingIsTouchedAndHarmsNothingElse) {
  const Damage& damage = GetParam();
  const VmDirectory vm = world_.vm(kDamagedVm);
  const auto record = vm.load_suspend().value();
  const auto state = world_.store().load(record->state).value();
  const auto path = damage.file(world_, state);
  const HarmedFile harmed(path, state, damage.harm);
  const auto config = read_file(vm.config_path()).value();
  const auto before = world_.store_files();

  const auto started = world_.start(kDamagedVm);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), damage.code) << started.error().message();
  EXPECT_NE(started.error().message().find(damage.told), std::string::npos) << started.error().message();
  EXPECT_EQ(read_file(vm.config_path()).value(), config);
  EXPECT_DONE(world_.sweep());
  EXPECT_EQ(world_.store_files(), before);  // not even a layer that its index alone would have named
  const auto seen = vm.observe();
  const bool record_itself = damage.file == suspend_record;
  EXPECT_EQ(seen.state, record_itself ? MachineState::kBroken : MachineState::kSuspended) << seen.reason;

  // The other snapshot is none the worse, and when the file is whole again nothing was lost.
  const auto base = vm.load_snapshots()->find("base")->state;
  EXPECT_DONE(VmForker(world_.home()).fork({.name = VmName::parse("other").value(), .state = base}));
  EXPECT_DONE(world_.start("other"));
  EXPECT_EQ(world_.look("other")->memory, base_);
  EXPECT_DONE(world_.stop("other"));
  harmed.heal();
  EXPECT_DONE(world_.start(kDamagedVm));
  EXPECT_EQ(world_.look(kDamagedVm)->memory, now_);
}

INSTANTIATE_TEST_SUITE_P(Of, StateDamage, testing::ValuesIn(kDamages),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST_F(StateDamageFixture, ADamagedTreeIsNeitherReplacedNorSwept) {
  const VmDirectory vm = world_.vm(kDamagedVm);
  ASSERT_DONE(world_.start(kDamagedVm));
  ASSERT_DONE(world_.sweep());
  const auto before = world_.store_files();
  const auto tree = read_file(vm.snapshots_path()).value();
  std::filesystem::resize_file(vm.snapshots_path(), tree.size() / 2);
  for (const char* action : {"save", "delete"}) {
    const auto refused = world_.snapshot(kDamagedVm, action, action == std::string("save") ? "new" : "base");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::kDataLoss);
    EXPECT_NE(refused.error().message().find("snapshots.json"), std::string::npos)
        << refused.error().message();
  }
  const auto swept = world_.sweep();
  ASSERT_DONE(swept);
  EXPECT_NE(swept->kept.find("snapshots.json"), std::string::npos) << swept->kept;
  EXPECT_EQ(world_.store_files(), before);
  EXPECT_EQ(world_.look(kDamagedVm)->memory, now_);
  EXPECT_DONE(write_file_atomic(vm.snapshots_path(), tree, 0600));
  EXPECT_DONE(world_.snapshot(kDamagedVm, "save", "new"));
  EXPECT_DONE(world_.check_states(kDamagedVm));
}

TEST_F(StateDamageFixture, WhatADamagedListOfSpokenForNamesIsNotSwept) {
  const VmDirectory vm = world_.vm(kDamagedVm);
  ASSERT_DONE(world_.start(kDamagedVm));
  ASSERT_DONE(world_.sweep());
  const auto before = world_.store_files();
  const auto pending = read_file(vm.pending_path()).value();
  std::filesystem::resize_file(vm.pending_path(), pending.size() / 2);
  const auto swept = world_.sweep();
  ASSERT_DONE(swept);
  EXPECT_NE(swept->kept.find("pending.json"), std::string::npos) << swept->kept;
  EXPECT_EQ(world_.store_files(), before);
  // The supervisor knows what it holds, and says so again.
  EXPECT_DONE(world_.snapshot(kDamagedVm, "save", "new"));
  EXPECT_DONE(world_.sweep());
  EXPECT_DONE(world_.check_states(kDamagedVm));
}

}  // namespace
}  // namespace cove::state_test
