// Freezing on calls that only note what was done, and the kernel's table of mounts.
#include "agentd/fs_freezer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "base/files.h"

namespace cove::agentd {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr const char* kMounts =
    "20 1 254:1 / / rw,relatime - ext4 /dev/root rw\n"
    "21 20 0:21 / /proc rw - proc proc rw\n"
    "22 20 0:22 / /run rw - tmpfs tmpfs rw\n"
    "23 20 254:2 / /srv\\040disk rw - xfs /dev/vdb rw\n"
    "24 20 254:3 / /boot/efi rw shared:1 master:2 - vfat /dev/vda2 rw\n"
    "25 20 0:40 / /nfs rw - nfs4 host:/export rw\n"
    "26 20 0:41 /sub /pool rw - btrfs /dev/vdc rw\n"
    "27 20 0:42 /sub2 /pool/2 rw - btrfs /dev/vdc rw\n"
    "28 20 254:2 /part /bind ro - xfs /dev/vdb rw\n"
    "29 20 7:0 / /iso ro - iso9660 /dev/loop0 ro\n"
    "30 20 7:1 / /image rw - ext4 /dev/loop1 rw\n"
    "31 20 0:43 / /over rw - overlay overlay rw,upperdir=/x\n"
    "nonsense\n1 2 3 - 4\n";

TEST(MountTable, takes_what_is_on_disks_once_in_an_order_to_freeze) {
  Words points;
  for (const auto& filesystem : disk_filesystems(parse_mounts(kMounts)))
    points.push_back(filesystem.mounts.front().point);
  EXPECT_EQ(points, (Words{"/image", "/iso", "/pool", "/boot/efi", "/srv disk", "/"}));
}

TEST(MountTable, this_machine_s_own_table_is_read) {
  const auto mounts = parse_mounts(read_file("/proc/self/mountinfo").value());
  ASSERT_FALSE(mounts.empty());
  const auto root = std::find_if(mounts.begin(), mounts.end(), [](const Mount& m) { return m.point == "/"; });
  ASSERT_NE(root, mounts.end());
  EXPECT_FALSE(root->type.empty());
}

// A machine's kernel in word only.
struct FakeKernel {
  std::string mounts = kMounts;
  std::map<std::string, int> freeze_errors = {{"/boot/efi", EOPNOTSUPP}};
  std::function<void(const std::string&)> on_freeze = [](const std::string&) {};
  Guarded<Words> done;
  Guarded<std::map<int, std::string>> points;

  FreezeCalls calls() {
    FreezeCalls calls;
    calls.mounts = [this] { return Result<std::string>(mounts); };
    calls.sync = [this] { note("sync"); };
    calls.open = [this](const Mount& mount) -> Result<UniqueFd> {
      UniqueFd fd = open_file("/dev/null", 0).value();
      points.with([&](auto& all) { all[fd.get()] = mount.point; });
      return fd;
    };
    calls.freeze = [this](int fd) {
      const std::string point = point_of(fd);
      on_freeze(point);
      if (const auto error = freeze_errors.find(point); error != freeze_errors.end()) return error->second;
      note("freeze " + point);
      return 0;
    };
    calls.thaw = [this](int fd) {
      note("thaw " + point_of(fd));
      return 0;
    };
    return calls;
  }
  void note(const std::string& what) {
    done.with([&](Words& words) { words.push_back(what); });
  }
  std::string point_of(int fd) const {
    return points.read([&](const auto& all) { return all.at(fd); });
  }
  Words all() const {
    return done.read([](const Words& words) { return words; });
  }
  Result<void> wait_for(const std::string& what) {
    return done.wait({{}, Deadline::after(20s)}, [&](const Words& words) {
      return std::find(words.begin(), words.end(), what) != words.end();
    });
  }
};

Words ends(const std::vector<FreezeItem>& items) {
  Words words;
  for (const auto& item : items) {
    const char* end = item.end == FreezeItem::End::kDone      ? "done"
                      : item.end == FreezeItem::End::kSkipped ? "skipped"
                                                              : "failed";
    words.push_back(item.point + " " + end);
  }
  return words;
}

TEST(FsFreezer, freezes_each_and_thaws_in_the_other_order) {
  FakeKernel kernel;
  FsFreezer freezer(kernel.calls());
  const auto items = freezer.freeze({}, 60s);
  ASSERT_TRUE(items.ok());
  EXPECT_EQ(ends(*items), (Words{"/image done", "/iso skipped", "/pool done", "/boot/efi skipped",
                                 "/srv disk done", "/ done"}));
  EXPECT_EQ(freezer.freeze({}, 60s).error().code(), Code::kFailedPrecondition);
  const auto report = freezer.thaw();
  EXPECT_EQ(report.was, ThawReport::Was::kFrozen);
  EXPECT_EQ(ends(report.items), (Words{"/ done", "/srv disk done", "/pool done", "/image done"}));
  EXPECT_EQ(kernel.all(), (Words{"sync", "freeze /image", "freeze /pool", "freeze /srv disk", "freeze /",
                                 "thaw /", "thaw /srv disk", "thaw /pool", "thaw /image"}));
  EXPECT_EQ(freezer.thaw().was, ThawReport::Was::kNotFrozen);
}

TEST(FsFreezer, thaws_by_itself_when_nobody_does_and_says_so_later) {
  FakeKernel kernel;
  FsFreezer freezer(kernel.calls());
  ASSERT_TRUE(freezer.freeze({}, 500ms).ok());
  ASSERT_TRUE(kernel.wait_for("thaw /image").ok());  // the last one
  EXPECT_EQ(freezer.thaw().was, ThawReport::Was::kExpired);
  EXPECT_EQ(freezer.thaw().was, ThawReport::Was::kNotFrozen);
  // A freeze that follows is not ended by the deadline of this one.
  ASSERT_TRUE(freezer.freeze({}, 60s).ok());
  EXPECT_EQ(freezer.thaw().was, ThawReport::Was::kFrozen);
}

TEST(FsFreezer, a_deadline_during_the_freeze_leaves_nothing_frozen) {
  FakeKernel kernel;
  // The kernel is at the second one until the first was thawed again.
  kernel.on_freeze = [&](const std::string& point) {
    if (point == "/pool") {
      EXPECT_TRUE(kernel.wait_for("thaw /image").ok());
    }
  };
  FsFreezer freezer(kernel.calls());
  EXPECT_EQ(freezer.freeze({}, 500ms).error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(kernel.all(), (Words{"sync", "freeze /image", "thaw /image", "freeze /pool", "thaw /pool"}));
}

TEST(FsFreezer, a_host_that_gives_up_leaves_nothing_frozen) {
  FakeKernel kernel;
  const CancelSource over;
  kernel.on_freeze = [&](const std::string& point) {
    if (point == "/pool") over.cancel();
  };
  FsFreezer freezer(kernel.calls());
  EXPECT_EQ(freezer.freeze({over.token(), {}}, 60s).error().code(), Code::kCancelled);
  EXPECT_EQ(kernel.all(), (Words{"sync", "freeze /image", "freeze /pool", "thaw /pool", "thaw /image"}));
}

TEST(FsFreezer, its_end_thaws) {
  FakeKernel kernel;
  {
    FsFreezer freezer(kernel.calls());
    ASSERT_TRUE(freezer.freeze({}, 60s).ok());
  }
  EXPECT_EQ(kernel.all().back(), "thaw /image");
}

TEST(FsFreezer, what_cannot_be_frozen_is_told) {
  FakeKernel kernel;
  kernel.freeze_errors["/"] = EBUSY;
  FsFreezer freezer(kernel.calls());
  const auto items = freezer.freeze({}, 60s).value();
  EXPECT_EQ(items.back().point, "/");
  EXPECT_EQ(items.back().end, FreezeItem::End::kFailed);
  EXPECT_EQ(items.back().detail, "somebody else has frozen it");
  for (const auto deadline : {0ms, -1ms, 60001ms})
    EXPECT_EQ(freezer.freeze({}, deadline).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace cove::agentd
