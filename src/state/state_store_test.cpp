#include "state/state_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "state/memory_layers.h"

namespace cove {
namespace {

constexpr std::uint64_t kStateBytes = std::uint64_t{1} << 20U;
const std::string kFull(32, 'f');

class StateStoreTest : public testing::Test {
 protected:
  static std::string id_of(char letter) { return std::string(32, letter); }

  void make_layer(const std::string& id) const {
    ASSERT_TRUE(make_directories(store_.full_layer(id).parent_path()).ok());
    ASSERT_TRUE(write_file_atomic(store_.full_layer(id), std::string(kStateBytes, 'm')).ok());
  }
  // A full state over kFull whose page 3 is its own.
  StateManifest save(const std::string& id, const PageIndex* before = nullptr) const {
    auto writer = PageLayerWriter::create(
        {.layer = store_.page_layer(id), .layer_id = id, .memory_bytes = kStateBytes, .before = before});
    EXPECT_TRUE(writer->add(3, std::string(kPageBytes, id[0])).ok());
    const auto index = writer->finish();
    EXPECT_TRUE(index.ok());
    auto draft = store_.begin(id);
    EXPECT_TRUE(draft.ok());
    EXPECT_TRUE(draft->add_file(kDeviceStateFile, "devices of " + id).ok());
    EXPECT_TRUE(draft->add_file(kPageIndexFile, encode_page_index(*index)).ok());
    StateManifest manifest{.id = id, .vm = "web", .memory = StateMemory{kFull, kStateBytes}};
    manifest.machine.emplace();
    manifest.machine->machine_type = "pc-q35-7.2";
    manifest.machine->cpu_model = "max";
    manifest.machine->memory_bytes = kStateBytes;
    auto committed = draft->commit(std::move(manifest));
    EXPECT_TRUE(committed.ok()) << committed.error().message();
    return *committed;
  }
  std::string complaint(const StateManifest& state) const {
    const auto checked = store_.check(state);
    return checked.ok() ? "none" : checked.error().message();
  }

  TempDir home_ = TempDir::create("/tmp", "cove-states-").value();
  StateStore store_{home_.path()};
};

TEST_F(StateStoreTest, AStateIsThereWhenItIsWhole) {
  make_layer(kFull);
  {
    auto draft = store_.begin(id_of('a'));
    ASSERT_TRUE(draft.ok());
    ASSERT_TRUE(draft->add_file(kDeviceStateFile, "x").ok());
    EXPECT_TRUE(store_.list()->empty());
    EXPECT_EQ(store_.load(id_of('a')).error().code(), Code::kNotFound);
  }
  EXPECT_TRUE(list_directory(store_.folder("x").parent_path())->empty());  // a draft that was given up

  const auto saved = save(id_of('a'));
  EXPECT_EQ(*store_.list(), std::vector<std::string>{id_of('a')});
  const auto loaded = store_.load(id_of('a'));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  EXPECT_EQ(*loaded, saved);
  EXPECT_EQ(*store_.read(*loaded, kDeviceStateFile), "devices of " + id_of('a'));
  EXPECT_EQ(store_.page_index(*loaded)->pages.size(), 1U);
  EXPECT_EQ(complaint(*loaded), "none");
}

TEST_F(StateStoreTest, DamageIsNamedBeforeAnythingIsTouched) {
  make_layer(kFull);
  const auto state = save(id_of('a'));
  const auto device = store_.folder(state.id) / kDeviceStateFile;
  const auto good = *read_file(device);
  auto bad = good;
  bad[3] = '!';
  ASSERT_TRUE(write_file_atomic(device, bad).ok());
  EXPECT_EQ(complaint(state), "state " + state.id + ": the checksum of device.state does not fit");
  for (const auto& wrong : {good + "x", good.substr(1)}) {
    ASSERT_TRUE(write_file_atomic(device, wrong).ok());
    EXPECT_NE(complaint(state).find("device.state does not have its length"), std::string::npos);
  }
  ASSERT_TRUE(remove_tree(device).ok());
  EXPECT_NE(complaint(state).find("device.state"), std::string::npos);
  ASSERT_TRUE(write_file_atomic(device, good).ok());
  EXPECT_EQ(complaint(state), "none");

  ASSERT_EQ(::truncate(store_.page_layer(state.id).c_str(), 5), 0);
  EXPECT_NE(complaint(state).find(".pages is shorter than it has to be"), std::string::npos);
  ASSERT_TRUE(remove_tree(store_.page_layer(state.id)).ok());
  EXPECT_NE(complaint(state).find(".pages"), std::string::npos);
  ASSERT_TRUE(remove_tree(store_.full_layer(kFull)).ok());
  EXPECT_NE(complaint(state).find(".img"), std::string::npos);
}

TEST_F(StateStoreTest, AStateNamesTheLayersItIsMadeOf) {
  make_layer(kFull);
  const auto first = save(id_of('a'));
  const auto before = store_.page_index(first);
  const auto second = save(id_of('b'), &*before);
  EXPECT_EQ(*store_.layers_of(first), (std::set<std::string>{kFull, id_of('a')}));
  EXPECT_EQ(*store_.layers_of(second), (std::set<std::string>{kFull, id_of('b')}));
  ASSERT_TRUE(store_.remove(first.id).ok());
  EXPECT_EQ(*store_.list(), std::vector<std::string>{second.id});
  EXPECT_EQ(complaint(second), "none");
  EXPECT_EQ(store_.remove(first.id).error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace cove
