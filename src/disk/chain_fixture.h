// For the tests of disk chains: a store with chains of nodes that QEMU's own tools fill and read.
#pragma once

#include <gtest/gtest.h>

#include <random>

#include "base/files.h"
#include "base/process.h"
#include "disk/disk_chain.h"

namespace cove {

class ChainFixture : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

  static std::string run(std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    auto output = run_command({{}, Deadline::after(std::chrono::seconds(60))}, std::move(options));
    if (!output.ok()) {
      ADD_FAILURE() << output.error().message();
      return {};
    }
    EXPECT_TRUE(output->status.success()) << output->out << output->err;
    EXPECT_EQ(output->out.find("verification failed"), std::string::npos) << output->out;
    return output->out;
  }
  std::string file(const std::string& id) const { return nodes_.path_of(id).value().string(); }
  // qemu-io commands on a node.
  void change(const std::string& id, const std::vector<std::string>& commands) const {
    std::vector<std::string> argv{"qemu-io", "-f", "qcow2", "-d", "unmap"};
    for (const auto& command : commands) argv.insert(argv.end(), {"-c", command});
    argv.push_back(file(id));
    run(std::move(argv));
  }
  std::string over(const std::string& id, std::uint64_t bytes = 0) const {
    return nodes_.create_overlay(nodes_.open(id).value(), bytes).value();
  }
  // Writes, zeroes and discards at random places, of all alignments, in the disk's first 48 MiB.
  static std::vector<std::string> random_changes(std::mt19937& random, std::uint64_t disk_bytes, int count) {
    const auto up_to = [&](std::uint64_t most) {
      return std::uniform_int_distribution<std::uint64_t>(0, most)(random);
    };
    std::vector<std::string> commands;
    for (int i = 0; i < count; ++i) {
      const auto kind = up_to(3);
      const std::uint64_t unit = up_to(1) == 0 ? 65536 : 512;
      const auto length = (1 + up_to(30)) * unit;
      const auto begin = up_to((std::min(disk_bytes, 48 * kMiB) - length) / unit) * unit;
      const auto where = std::to_string(begin) + " " + std::to_string(length);
      if (kind <= 1) commands.push_back("write -q -P " + std::to_string(1 + up_to(250)) + " " + where);
      if (kind == 2) commands.push_back("write -q -z " + where);
      if (kind == 3) commands.push_back("discard -q " + where);
    }
    return commands;
  }
  // `count` nodes, newest first, over the image: each with changes of its own; some grow.
  std::vector<std::string> make_chain(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    std::vector<std::string> chain{nodes_.create_overlay(image_, 4 * kMiB).value()};
    std::uint64_t bytes = 4 * kMiB;
    for (;;) {
      change(chain.front(), random_changes(random, bytes, 6));
      if (chain.size() == count) return chain;
      if (random() % 3 == 0) bytes += 512 * (1 + random() % 60000);
      chain.insert(chain.begin(), over(chain.front(), bytes));
    }
  }
  std::filesystem::path read_out(const std::string& id, const std::string& name) const {
    const auto path = home_.path() / name;
    run({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", file(id), path.string()});
    return path;
  }
  void expect_reads_like(const std::string& id, const std::filesystem::path& raw) const {
    run({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw.string(), file(id)});
    EXPECT_EQ(nodes_.open(id)->info()->virtual_bytes, std::filesystem::file_size(raw));
  }
  void expect_sound(const std::string& id) const {
    run({"qemu-img", "check", "-q", "-f", "qcow2", file(id)});
  }
  std::vector<std::string> names() const { return list_directory(nodes_.folder()).value(); }

  TempDir home_ = TempDir::create(::testing::TempDir(), "chain").value();
  DiskNodes nodes_{home_.path()};
  DiskImage image_ = make_image();
  NoProgress quiet_;

 private:
  DiskImage make_image() const {
    auto image = DiskImage::create(home_.path() / "image.raw", DiskFormat::kRaw, 3 * kMiB).value();
    run({"qemu-io", "-f", "raw", "-c", "write -q -P 77 0 3M", image.path().string()});
    return image;
  }
};

}  // namespace cove
