// Collector: removes from COVE_HOME/store what no VM reaches: states, layers of memory, disk nodes, what a
// crash left half made; and frozen memories on tmpfs that nobody runs on. Any thread, any process, at any
// time; nobody has to stand still for it.
//
// Roots are the files of the VMs' folders: pending.json, config.json's disk, suspend.json, snapshots.json. A
// state reaches its disk nodes and layers, a disk node the node below. Why nothing is lost:
//  - What is to be removed was listed before any root was read, and ids are random: whatever is made later is
//    not in the list.
//  - An id is spoken for in pending.json before its first file is made, until another file names it.
//  - The roots are read as they were at one moment (store_roots.h), after the list. What nobody reached then
//    nobody comes to reach: an id is learned from a root. Who takes hold of what another VM names speaks for
//    it first, and then looks whether that VM still names it.
//  - A VM file, a reachable state or a reachable disk that cannot be read, or is not there, stops the sweep:
//    what it names cannot be known, so nothing that it might name goes.
//  - The store's lock is held: no VM is born, renamed or deleted, and no other sweep runs meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "store/home.h"

namespace cove {

struct SweepReport {
  std::size_t removed = 0;        // files and states
  std::uint64_t freed_bytes = 0;  // of the file system
  std::string kept{};             // why what might be garbage was kept; empty: it was not
};

struct SweepOptions {
  // All homes of a user have their frozen memories in one place. A new one of another home, whose files are
  // not read here, may be on its way from the engine that made it to who will hold it.
  std::chrono::seconds frozen_memory_age{60};
  std::filesystem::path frozen_memory_folder{};  // empty: where hot_layer_path() has them
};

// Also VMs' folders that a crash left out of sight. A home without VMs' folder is left alone.
Result<SweepReport> sweep_store(const Home& home, const SweepOptions& options = {});

}  // namespace cove
