// For the tests of the collector: a home with VMs, disk nodes and states, which are small but real.
#pragma once

#include <gtest/gtest.h>

#include "base/files.h"
#include "disk/disk_nodes.h"
#include "state/collector.h"
#include "state/memory_layers.h"
#include "state/state_store.h"
#include "store/vm_registry.h"

namespace cove {

class StoreFixture : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMemoryBytes = std::uint64_t{1} << 20U;

  explicit StoreFixture(const std::filesystem::path& where = "/tmp")
      : temp_(TempDir::create(where, "cove-collector-").value()), home_(temp_.path() / "home") {
    EXPECT_TRUE(home_.create().ok());
    EXPECT_TRUE(make_directories(frozen_).ok());
    image_ = DiskImage::create(temp_.path() / "image.raw", DiskFormat::kRaw, kMemoryBytes).value();
  }

  VmDirectory vm(const std::string& name) const { return {home_, VmName::parse(name).value()}; }
  // A stopped VM with a disk of its own.
  VmDirectory make_vm(const std::string& name) const {
    auto directory = VmRegistry(home_).create(VmName::parse(name).value()).value();
    VmConfig config;
    config.root_disk = node();
    EXPECT_TRUE(directory.save_config(config).ok());
    EXPECT_TRUE(directory.clear_creating().ok());
    return directory;
  }
  static std::string root_disk(const VmDirectory& vm) { return vm.load_config()->root_disk; }
  static void set_root_disk(const VmDirectory& vm, const std::string& id) {
    auto config = vm.load_config().value();
    config.root_disk = id;
    ASSERT_TRUE(vm.save_config(config).ok());
  }
  // An overlay over the image.
  std::string node() const { return nodes().create_overlay(*image_, 0).value(); }
  std::string node_over(const std::string& id, std::string made = new_object_id()) const {
    EXPECT_TRUE(nodes().open(id)->overlay_at(nodes().path_of(made).value()).ok());
    return made;
  }
  std::string full_layer() const {
    const auto id = new_object_id();
    EXPECT_TRUE(make_directories(store().full_layer(id).parent_path()).ok());
    EXPECT_TRUE(write_file_atomic(store().full_layer(id), std::string(kMemoryBytes, 'm')).ok());
    return id;
  }
  // A full state with a page layer whose id is the state's.
  void make_state(const std::string& id, const std::string& layer, const std::string& disk,
                  const PageIndex* before = nullptr) const {
    auto writer = PageLayerWriter::create(
        {.layer = store().page_layer(id), .layer_id = id, .memory_bytes = kMemoryBytes, .before = before});
    ASSERT_TRUE(writer.ok()) << writer.error().message();
    ASSERT_TRUE(writer->add(3, std::string(kPageBytes, id[0])).ok());
    const auto index = writer->finish();
    auto draft = store().begin(id);
    ASSERT_TRUE(draft->add_file(kPageIndexFile, encode_page_index(*index)).ok());
    StateManifest manifest{.id = id, .memory = StateMemory{layer, kMemoryBytes}, .disks = {{"root", disk}}};
    manifest.machine.emplace();
    manifest.machine->machine_type = "pc-q35-7.2";
    manifest.machine->cpu_model = "max";
    manifest.machine->memory_bytes = kMemoryBytes;
    const auto committed = draft->commit(std::move(manifest));
    ASSERT_TRUE(committed.ok()) << committed.error().message();
  }
  static void name_snapshot(const VmDirectory& vm, const std::string& name, const std::string& state) {
    auto tree = vm.load_snapshots().value();
    ASSERT_TRUE(tree.add({.name = name, .state = state}).ok());
    ASSERT_TRUE(vm.save_snapshots(tree).ok());
  }
  static void drop_snapshot(const VmDirectory& vm, const std::string& name) {
    auto tree = vm.load_snapshots().value();
    ASSERT_TRUE(tree.remove(name).ok());
    ASSERT_TRUE(vm.save_snapshots(tree).ok());
  }
  SweepReport sweep() const {
    const auto swept = sweep_store(home_, {.frozen_memory_folder = frozen_});
    EXPECT_TRUE(swept.ok()) << swept.error().message();
    return swept.ok() ? *swept : SweepReport{};
  }
  bool there(const std::string& object) const { return path_exists(home_.root() / "store" / object); }
  void put(const std::string& object) const {
    const auto path = home_.root() / "store" / object;
    ASSERT_TRUE(make_directories(path.parent_path()).ok());
    ASSERT_TRUE(write_file_atomic(path, "half").ok());
  }
  DiskNodes nodes() const { return DiskNodes(home_.root()); }
  StateStore store() const { return StateStore(home_.root()); }

  TempDir temp_;
  std::filesystem::path frozen_ = temp_.path() / "shm";  // not everybody's
  Home home_;
  std::optional<DiskImage> image_;
};

}  // namespace cove
