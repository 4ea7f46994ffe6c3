#include "model/machine_spec.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

MachineSpec sample() {
  MachineSpec spec;
  spec.machine_type = "pc-q35-7.2";
  spec.cpu_model = "max";
  spec.cpus = 2;
  spec.memory_bytes = 4ULL << 30U;
  spec.ram_path = "/dev/shm/x/ram";
  spec.boot = {.mode = BootMode::kKernel, .kernel = "/k", .initrd = "/i", .cmdline = "quiet"};
  spec.devices = {
      {.id = "root", .kind = DeviceKind::kDisk, .slot = 3, .path = "/d/1"},
      {.id = "net0", .kind = DeviceKind::kNic, .slot = 4, .mac = "52:54:00:00:00:01", .mtu = 65520},
      {.id = "agent", .kind = DeviceKind::kAgentPort, .slot = 2, .port_name = "com.cove.agent"}};
  return spec;
}

TEST(MachineSpec, RoundTripsThroughJson) {
  const MachineSpec spec = sample();
  const auto text = Json::parse(spec.to_json().dump());
  ASSERT_TRUE(text.ok());
  const auto again = MachineSpec::from_json(*text);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, spec);
}

TEST(MachineSpec, RefusesANewerVersionAndNonsense) {
  Json json = sample().to_json();
  json.set("version", 2);
  EXPECT_EQ(MachineSpec::from_json(json).error().code(), Code::kFailedPrecondition);
  for (const char* member : {"arch", "accel", "cpus", "memory", "boot", "devices", "version"}) {
    Json broken = sample().to_json();
    broken.set(member, "?");
    const auto result = MachineSpec::from_json(broken);
    ASSERT_FALSE(result.ok()) << member;
    EXPECT_EQ(result.error().code(), Code::kInvalidArgument) << member;
  }
}

TEST(MachineSpec, FingerprintIgnoresFilesOnly) {
  const MachineSpec spec = sample();
  MachineSpec moved = spec;
  moved.devices[0].path = "/d/2";
  moved.ram_path = "";
  moved.boot.kernel = "/other";
  EXPECT_EQ(moved.fingerprint(), spec.fingerprint());
  EXPECT_TRUE(spec.differences(moved).empty());
  EXPECT_EQ(spec.fingerprint().size(), 16U);

  MachineSpec swapped = spec;
  std::swap(swapped.devices[0], swapped.devices[1]);
  EXPECT_NE(swapped.fingerprint(), spec.fingerprint());
  EXPECT_EQ(spec.differences(swapped).size(), 1U);
}

TEST(MachineSpec, SaysInWordsWhatDiffers) {
  const MachineSpec spec = sample();
  MachineSpec other = spec;
  other.memory_bytes = 8ULL << 30U;
  other.cpus = 4;
  other.devices[1].mac = "52:54:00:00:00:02";
  other.devices.pop_back();
  other.devices.push_back({.id = "rng", .kind = DeviceKind::kRng, .slot = 9});
  const std::vector<std::string> expected = {"CPUs 2 -> 4", "memory 4.0 GB -> 8.0 GB",
                                             "nic net0: MAC address 52:54:00:00:00:01 -> 52:54:00:00:00:02",
                                             "agent-port agent is gone", "rng rng is new"};
  EXPECT_EQ(spec.differences(other), expected);
}

}  // namespace
}  // namespace cove
