// The disk of the host gets full at each step of everything that makes or uses a state, and a few pages
// later: what is being done fails in words or is done, the VM goes on or stays suspended, nothing that was
// there is harmed, and when there is room again it succeeds and nothing is left over. Needs a small file
// system, which on_small_disk.sh makes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <ostream>

#include "base/io.h"
#include "expect_done.h"
#include "vm_world.h"

namespace cove::state_test {
namespace {

constexpr const char* kTight = "vm";
// Room that is left when the disk gets full: writes of several pages fail in their middle.
constexpr std::uint64_t kLeftOver[] = {0, 8192};

// A file that takes all room but some.
class Ballast {
 public:
  explicit Ballast(std::filesystem::path folder) : path_(std::move(folder) / "ballast") {}
  void fill(std::uint64_t but) const {
    const auto file = open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600);
    COVE_CHECK(file.ok());
    // Large pieces first: what no longer fits is tried smaller.
    off_t size = 0;
    for (off_t piece = off_t{32} << 20U; piece >= 4096; piece /= 2) {
      while (::posix_fallocate(file->get(), size, piece) == 0) size += piece;
    }
    COVE_CHECK(::ftruncate(file->get(), size - static_cast<off_t>(but)) == 0);
  }
  void drop() const { std::filesystem::remove(path_); }

 private:
  std::filesystem::path path_;
};

struct TightCase {
  const char* name;
  bool suspended_before;
  Result<void> (*act)(VmWorld& world);
  const char* snapshot;  // that it makes; empty: none
};
void PrintTo(const TightCase& tight, std::ostream* out) { *out << tight.name; }

Result<void> do_save(VmWorld& world) {
  COVE_TRY(world.snapshot(kTight, "save", "made"));
  return {};
}
Result<void> do_save_disk(VmWorld& world) {
  COVE_TRY(world.disk_snapshot(kTight, "made"));
  return {};
}
Result<void> do_suspend(VmWorld& world) {
  COVE_TRY(world.call(kTight, "suspend"));
  world.after_end(kTight);
  return {};
}
Result<void> do_fork_base(VmWorld& world) {
  COVE_TRY(world.call(kTight, "fork-base"));
  return {};
}
Result<void> do_start(VmWorld& world) { return world.start(kTight); }

const TightCase kTightCases[] = {
    {"FirstSnapshot", false, do_save, "made"},
    {"SecondSnapshot", true, do_save, "made"},
    {"DiskSnapshot", true, do_save_disk, "made"},
    {"FirstSuspend", false, do_suspend, ""},
    {"SecondSuspend", true, do_suspend, ""},
    {"ForkBase", true, do_fork_base, ""},
    {"Resume", true, do_start, ""},
};

class FullDisk : public testing::TestWithParam<TightCase> {
 protected:
  int refused_ = 0;

  FullDisk() : folder_(std::getenv("COVE_TEST_SMALL_DISK")), ballast_(folder_) {}

  bool starts() const { return GetParam().act == do_start; }
  void prepare(VmWorld& world) const {
    EXPECT_DONE(world.make_vm(kTight));
    EXPECT_DONE(world.start(kTight));
    EXPECT_DONE(world.poke(kTight, 1, "one"));
    EXPECT_DONE(world.write_disk(kTight, 1, 11));
    if (!GetParam().suspended_before) return;
    EXPECT_DONE(world.snapshot(kTight, "save", "base"));
    EXPECT_DONE(world.poke(kTight, 2, "two"));
    EXPECT_DONE(do_suspend(world));
    if (!starts()) {
      EXPECT_DONE(world.start(kTight));
    }
  }
  std::vector<std::string> learn_steps() const {
    VmWorld world(folder_);
    prepare(world);
    world.take_steps();
    EXPECT_DONE(GetParam().act(world));
    auto steps = world.take_steps();
    std::erase(steps, "tidied");
    return steps;
  }

  void get_full_at(const std::string& step, std::uint64_t left_over) {
    VmWorld world(folder_);
    std::atomic<bool> armed{false};
    world.on_step([&](std::string_view at) {
      if (at == step && armed.exchange(false)) ballast_.fill(left_over);
    });
    prepare(world);
    const Memory memory = starts() ? suspended_memory(world) : world.look(kTight)->memory;
    armed = true;
    const auto done = GetParam().act(world);
    EXPECT_FALSE(armed) << "the step did not come";
    if (!done.ok()) ++refused_;
    if (!done.ok()) {
      EXPECT_EQ(done.error().code(), Code::kResourceExhausted) << done.error().message();
    }
    ballast_.drop();
    check(world, done.ok(), memory);
    finish(world, done.ok());
  }

 private:
  static Memory suspended_memory(VmWorld& world) {
    EXPECT_DONE(world.start(kTight));
    const auto memory = world.look(kTight)->memory;
    EXPECT_DONE(do_suspend(world));
    return memory;
  }
  void check(VmWorld& world, bool done, const Memory& memory) const {
    EXPECT_DONE(world.check_states(kTight));
    const auto tree = world.vm(kTight).load_snapshots().value();
    if (*GetParam().snapshot != '\0') {
      EXPECT_EQ(tree.find(GetParam().snapshot) != nullptr, done);
    }
    const auto seen = world.vm(kTight).observe();
    const bool stopped = GetParam().act == do_suspend ? done : starts() && !done;
    EXPECT_EQ(seen.state, stopped ? MachineState::kSuspended : MachineState::kRunning) << seen.reason;
    if (stopped) {
      EXPECT_DONE(world.start(kTight));
    }
    EXPECT_EQ(world.look(kTight)->memory, memory);
    EXPECT_DONE(world.write_disk(kTight, 2, 22));
    EXPECT_DONE(world.expect_disk(world.vm(kTight).load_config()->root_disk, {{1, 11}, {2, 22}}));
  }
  void finish(VmWorld& world, bool done) const {
    if (!done && !starts()) {
      EXPECT_DONE(GetParam().act(world));
    }
    if (world.vm(kTight).observe().holder) {
      EXPECT_DONE(world.stop(kTight));
    }
    EXPECT_DONE(world.check_states(kTight));
    EXPECT_DONE(world.registry().remove(VmName::parse(kTight).value()));
    EXPECT_DONE(world.sweep());
    EXPECT_DONE(world.expect_empty());
  }

  std::filesystem::path folder_;
  Ballast ballast_;
};

TEST_P(FullDisk, IsToldInWordsAndHarmsNothing) {
  for (const auto& step : learn_steps()) {
    for (const auto left_over : kLeftOver) {
      SCOPED_TRACE("full but for " + std::to_string(left_over) + " bytes from \"" + step + "\" on");
      get_full_at(step, left_over);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(refused_, 0);
}

INSTANTIATE_TEST_SUITE_P(At, FullDisk, testing::ValuesIn(kTightCases),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace cove::state_test
