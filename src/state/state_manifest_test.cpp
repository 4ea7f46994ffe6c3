#include "state/state_manifest.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef";

StateManifest sample_manifest() {
  MachineSpec machine;
  machine.arch = Arch::kX86_64;
  machine.machine_type = "pc-q35-7.2";
  machine.cpu_model = "max";
  machine.cpus = 2;
  machine.memory_bytes = std::uint64_t{1} << 30U;
  machine.devices = {{.id = "root", .kind = DeviceKind::kDisk, .slot = 3, .path = "/somewhere"}};
  return {.id = kId,
          .vm = "web",
          .created_at = "2026-11-23T12:00:00Z",
          .cove = "0.1.0",
          .engine = "qemu 7.2.22",
          .quiet = DiskQuiet::kFrozen,
          .machine = machine,
          .memory = StateMemory{std::string(32, 'a'), std::uint64_t{1} << 30U},
          .disks = {{"root", std::string(32, 'b')}},
          .files = {{"device.state", {172'000, Checksum128::of("device")}},
                    {"page.index", {64, Checksum128::of("index")}}},
          .guest = Json::object({{"cpu", 2}, {"text", "with \"quotes\" and \xc3\xa4"}})};
}

// The text with one member changed, as if that had been written.
std::string with(const char* member, Json value) {
  Json json = *Json::parse(sample_manifest().to_text());
  json.erase("checksum");
  json.set(member, std::move(value));
  json.set("checksum", Checksum128::of(json.dump()).to_hex());
  return json.dump();
}

std::string complaint(const std::string& text) {
  const auto parsed = StateManifest::parse(text, kId);
  return parsed.ok() ? "none" : parsed.error().message();
}

TEST(StateManifest, IsReadAsItWasWritten) {
  const auto state = sample_manifest();
  const auto again = StateManifest::parse(state.to_text(), kId);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, state);

  auto disk = state;
  disk.kind = StateKind::kDisk;
  disk.quiet = DiskQuiet::kCrashConsistent;
  disk.machine.reset();
  disk.memory.reset();
  EXPECT_EQ(*StateManifest::parse(disk.to_text(), kId), disk);
}

TEST(StateManifest, EveryChangedByteAndEveryMissingEndIsSeen) {
  const auto text = sample_manifest().to_text();
  const auto whole = *Json::parse(text);
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto json = Json::parse(changed);
    if (json.ok() && *json == whole) continue;  // white space between the members
    EXPECT_FALSE(StateManifest::parse(changed, kId).ok()) << at << ": " << changed[at];
    if (text[at] == '\n') continue;  // the last byte alone may be missing
    EXPECT_FALSE(StateManifest::parse(text.substr(0, at), kId).ok()) << at;
  }
}

TEST(StateManifest, WhatANewerCoveWroteIsToldApartFromDamage) {
  const auto newer = StateManifest::parse(with("version", 2), kId);
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(newer.error().message(), "manifest: version 2 was written by a newer cove");
  EXPECT_EQ(StateManifest::parse("{", kId).error().code(), Code::kDataLoss);
}

TEST(StateManifest, ImpossibleMembersAreNamed) {
  EXPECT_EQ(complaint(with("version", 1)), "none");
  EXPECT_EQ(complaint(with("version", 0)), "manifest: member \"version\" is wrong");
  EXPECT_EQ(complaint(with("id", std::string(32, '0'))), "manifest: member \"id\" is wrong");
  EXPECT_EQ(complaint(with("kind", "half")), "manifest: member \"kind\" is wrong");
  EXPECT_EQ(complaint(with("quiet", 7)), "manifest: member \"quiet\" is wrong");
  EXPECT_EQ(complaint(with("memory", Json())), "manifest: member \"memory\" is wrong");
  EXPECT_EQ(complaint(with("memory", Json::object({{"layer", std::string(32, 'a')}, {"bytes", 5}}))),
            "manifest: member \"memory\" is wrong");
  EXPECT_EQ(complaint(with("disks", Json::object())), "manifest: member \"disks\" is wrong");
  EXPECT_EQ(complaint(with("disks", Json(Json::Array{Json::object({{"device", "root"}, {"node", "../x"}})}))),
            "manifest: member \"disks\" is wrong");
  const Json file = Json::object({{"bytes", 1}, {"checksum", std::string(32, '0')}});
  for (const char* name : {"../../config.json", ".hidden", "", "a/b"})
    EXPECT_EQ(complaint(with("files", Json::object({{name, file}}))), "manifest: member \"files\" is wrong");
  EXPECT_EQ(complaint(with("files", Json::object({{"x", Json::object({{"bytes", 1}})}}))),
            "manifest: member \"files\" is wrong");
  EXPECT_NE(complaint(with("machine", Json::object())).find("manifest: machine description"),
            std::string::npos);
}

}  // namespace
}  // namespace cove
