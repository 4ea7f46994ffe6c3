// TestMachine: a machine of the fake or of real QEMU (TCG) to run contract tests on: one CPU, 64 MiB, and a
// disk with the tiny guest, which boots. Owned by the test; its thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/files.h"
#include "hypervisor/fake/fake_hypervisor.h"
#include "hypervisor/qemu/qemu_hypervisor.h"
#include "tiny_guest.h"

namespace cove {

enum class TestEngine : unsigned char { kFake, kQemu };

struct TestMachine {
  static constexpr std::uint64_t kMemoryBytes = std::uint64_t{64} << 20U;

  TempDir folder;  // with the file "disk"
  std::unique_ptr<Hypervisor> hypervisor;
  MachineSpec spec;

  static Result<TestMachine> create(TestEngine engine) {
    auto folder = COVE_TRY(TempDir::create("/tmp", "cove-contract-"));
    VmConfig config;
    config.mac = "52:54:00:12:34:56";
    config.memory_gb = 1;
    config.cpus = 1;
    MachinePaths paths;
    paths.root_disk = (folder.path() / "disk").string();
    paths.root_format = DiskFormat::kRaw;
    paths.kernel = "none";
    COVE_TRY(write_file_atomic(paths.root_disk, tiny_guest_disk()));
    auto hypervisor = engine == TestEngine::kQemu
                          ? COVE_TRY(make_qemu_hypervisor({}, {.path = COVE_TEST_PATH, .accel = Accel::kTcg}))
                          : make_fake_hypervisor({.boot_lines = {"fake guest"}});
    auto spec = COVE_TRY(hypervisor->plan(config, paths));
    spec.boot.kernel.clear();  // the disk boots
    spec.memory_bytes = kMemoryBytes;
    return TestMachine{std::move(folder), std::move(hypervisor), std::move(spec)};
  }
};

}  // namespace cove
