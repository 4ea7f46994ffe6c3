// Every step of making and changing a VM is made to fail, and to be the last thing a process did: `list` must
// tell the truth afterwards, and finishing and deleting must work.
#include "provision/vm_maker.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk/disk_nodes.h"

namespace cove {
namespace {

constexpr std::uint64_t kImageBytes = std::uint64_t{1} << 30U;

class VmMakerTest : public ::testing::Test {
 protected:
  VmMakerTest()
      : folder_(TempDir::create(::testing::TempDir(), "vm_maker").value()),
        home_(folder_.path()),
        image_(make_image()) {}

  CachedImage make_image() {
    const auto path = folder_.path() / "image";
    EXPECT_TRUE(make_directories(path).ok());
    EXPECT_TRUE(DiskImage::create(path / "disk.raw", DiskFormat::kRaw, kImageBytes).ok());
    CachedImage image{.manifest = {}, .folder = path};
    image.manifest.ref = ImageRef::parse("debian:12").value();
    image.manifest.digest = "sha256:" + std::string(64, 'a');
    image.manifest.disk_bytes = kImageBytes;
    return image;
  }
  static VmConfig wanted() {
    VmConfig config;
    config.disk_gb = 4;
    config.user.name = "debian";
    return config;
  }
  std::size_t node_count() const {
    const auto nodes = DiskNodes(home_.root()).list();
    return nodes.ok() ? nodes->size() : 0;
  }

  TempDir folder_;
  Home home_;
  CachedImage image_;
  VmName name_ = VmName::parse("web").value();
};

// Fails before step number `at`; counts the steps.
StepGate fail_at(int at, int& count) {
  return [at, &count](std::string_view step) -> Result<void> {
    if (count++ != at) return {};
    return Error(Code::kResourceExhausted, "no room for " + std::string(step));
  };
}

// Runs `work` in a process of its own that ends without any clean-up before step number `at`. Whether it
// died.
template <typename Work>
bool dies_at(int at, Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int count = 0;
    work([at, count](std::string_view) mutable -> Result<void> {
      if (count++ == at) ::_exit(77);
      return {};
    });
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 77;
}

TEST_F(VmMakerTest, creates_a_stopped_vm_with_its_own_identity) {
  const auto made = VmMaker(home_).create(name_, wanted(), image_);
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_EQ(made->observe().state, MachineState::kStopped);
  const auto config = made->load_config().value();
  EXPECT_EQ(config.image, "debian:12");
  EXPECT_EQ(config.image_digest, image_.manifest.digest);
  EXPECT_EQ(config.mac.substr(0, 9), "52:54:00:");
  EXPECT_EQ(config.machine_id.size(), 32U);
  const auto disk = DiskNodes(home_.root()).open(config.root_disk).value().info().value();
  EXPECT_EQ(disk.virtual_bytes, config.disk_bytes());
  EXPECT_TRUE(made->load_token().ok());
  EXPECT_EQ(VmMaker(home_).create(name_, wanted(), image_).error().code(), Code::kAlreadyExists);
}

TEST_F(VmMakerTest, a_disk_smaller_than_the_image_is_refused_before_anything_is_made) {
  auto small = wanted();
  small.disk_gb = 1;
  image_.manifest.disk_bytes = kImageBytes * 3;
  const auto made = VmMaker(home_).create(name_, small, image_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Code::kOutOfRange);
  EXPECT_NE(made.error().hint_text().find("-disk-size 3"), std::string::npos);
  EXPECT_FALSE(VmDirectory(home_, name_).exists());
}

TEST_F(VmMakerTest, a_creation_that_fails_at_any_step_leaves_nothing) {
  int steps = 0;
  ASSERT_TRUE(VmMaker(home_, fail_at(-1, steps)).create(name_, wanted(), image_).ok());
  ASSERT_TRUE(VmMaker(home_).remove(name_).ok());
  ASSERT_GE(steps, 5);
  for (int at = 0; at < steps; ++at) {
    int count = 0;
    const auto made = VmMaker(home_, fail_at(at, count)).create(name_, wanted(), image_);
    ASSERT_FALSE(made.ok()) << at;
    EXPECT_EQ(made.error().code(), Code::kResourceExhausted);
    EXPECT_FALSE(VmDirectory(home_, name_).exists()) << at;
    EXPECT_EQ(node_count(), 0U) << at;
  }
}

TEST_F(VmMakerTest, a_creation_that_dies_at_any_step_is_shown_as_such_and_can_be_finished_or_deleted) {
  int at = 0;
  const auto create = [&](StepGate gate) {
    static_cast<void>(VmMaker(home_, std::move(gate)).create(name_, wanted(), image_));
  };
  for (; dies_at(at, create); ++at) {
    const VmDirectory directory(home_, name_);
    if (!directory.exists()) continue;  // died before it had a name
    EXPECT_EQ(directory.observe().state, MachineState::kCreating) << at;
    EXPECT_FALSE(directory.observe().holder.has_value()) << at;
    EXPECT_EQ(VmMaker(home_).change(name_, {.cpus = 4}).error().code(), Code::kFailedPrecondition) << at;
    const auto before = directory.load_config();
    const auto finished = VmMaker(home_).finish(name_, wanted(), image_);
    ASSERT_TRUE(finished.ok()) << at << ": " << finished.error().message();
    EXPECT_EQ(directory.observe().state, MachineState::kStopped) << at;
    if (before.ok()) {
      EXPECT_EQ(directory.load_config()->machine_id, before->machine_id) << at;
    }
    EXPECT_EQ(node_count(), 1U) << at;
    ASSERT_TRUE(VmMaker(home_).remove(name_).ok());

    ASSERT_TRUE(dies_at(at, create));
    ASSERT_TRUE(VmMaker(home_).remove(name_).ok()) << at;
    EXPECT_EQ(node_count(), 0U) << at;
  }
  EXPECT_GE(at, 5);
}

TEST_F(VmMakerTest, change_grows_and_never_shrinks) {
  ASSERT_TRUE(VmMaker(home_).create(name_, wanted(), image_).ok());
  const auto changed = VmMaker(home_).change(name_, {.cpus = 8, .memory_gb = 16, .disk_gb = 10});
  ASSERT_TRUE(changed.ok()) << changed.error().message();
  const VmDirectory directory(home_, name_);
  const auto config = directory.load_config().value();
  EXPECT_EQ(config.cpus, 8U);
  EXPECT_EQ(config.memory_gb, 16U);
  EXPECT_EQ(DiskNodes(home_.root()).open(config.root_disk)->info()->virtual_bytes, std::uint64_t{10} << 30U);
  EXPECT_EQ(VmMaker(home_).change(name_, {.disk_gb = 9}).error().code(), Code::kOutOfRange);
  EXPECT_FALSE(VmMaker(home_).change(name_, {.cpus = 0}).ok());
  EXPECT_EQ(directory.load_config()->cpus, 8U);
}

TEST_F(VmMakerTest, a_change_that_dies_at_any_step_leaves_a_vm_that_can_be_changed_again) {
  ASSERT_TRUE(VmMaker(home_).create(name_, wanted(), image_).ok());
  const VmDirectory directory(home_, name_);
  std::uint64_t size = 5;
  int at = 0;
  const auto grow = [&](StepGate gate) {
    static_cast<void>(VmMaker(home_, std::move(gate)).change(name_, {.disk_gb = size}));
  };
  for (; dies_at(at, grow); ++at, ++size) {
    EXPECT_EQ(directory.observe().state, MachineState::kStopped) << at;
    const auto config = directory.load_config().value();
    EXPECT_GE(DiskNodes(home_.root()).open(config.root_disk)->info()->virtual_bytes, config.disk_bytes())
        << at;
    ASSERT_TRUE(VmMaker(home_).change(name_, {.disk_gb = size}).ok()) << at;
  }
  EXPECT_EQ(at, 2);
}

TEST_F(VmMakerTest, a_locked_vm_is_neither_changed_nor_removed) {
  ASSERT_TRUE(VmMaker(home_).create(name_, wanted(), image_).ok());
  const VmDirectory directory(home_, name_);
  const auto lock = directory.lock("supervisor");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(VmMaker(home_).change(name_, {.cpus = 4}).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(VmMaker(home_).remove(name_).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(directory.exists());
}

}  // namespace
}  // namespace cove
