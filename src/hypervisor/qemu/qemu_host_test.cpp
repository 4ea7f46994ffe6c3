#include "hypervisor/qemu/qemu_host.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/json.h"
#include "hypervisor/qemu/accel_probe.h"
#include "hypervisor/qemu/firmware.h"
#include "hypervisor/qemu/line_tail.h"
#include "hypervisor/qemu/ram_backing.h"

namespace cove {
namespace {

class QemuHostTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::create("/tmp", "cove-qemu-host-");
    ASSERT_TRUE(made.ok());
    folder_.emplace(std::move(*made));
  }
  std::filesystem::path path(std::string_view name) const { return folder_->path() / name; }
  // A program that only knows --version and -machine help, and counts how often it is asked for its version.
  void install_qemu(std::string_view version) {
    const std::string script =
        "#!/bin/sh\nif [ \"$1\" = -machine ]; then printf 'Supported machines are:\\n"
        "q35        PC (alias of pc-q35-7.2)\\npc-q35-7.2 PC\\npc-q35-2.4 PC\\n"
        "pc-i440fx-7.2 PC\\n'; exit; fi\necho x >> " +
        path("asked").string() + "\necho 'QEMU emulator version " + std::string(version) + " (Debian 1:0)'\n";
    ASSERT_TRUE(write_file_atomic(path("qemu-system-x86_64"), script, 0755).ok());
  }
  std::size_t asked() const {
    const auto text = read_file(path("asked"));
    return text.ok() ? text->size() / 2 : 0;
  }
  QemuHostOptions options() const {
    QemuHostOptions options;
    options.arch = Arch::kX86_64;
    options.path = "relative:/nowhere:" + folder_->path().string();
    options.accel = Accel::kTcg;
    options.cache_file = path("cache.json");
    options.firmware_folders = {path("firmware")};
    return options;
  }
  std::optional<TempDir> folder_;
};

TEST_F(QemuHostTest, FindsTheBinaryAndAsksItsVersionOnce) {
  install_qemu("7.2.22");
  for (int i = 0; i < 3; ++i) {
    const auto host = find_qemu({}, options());
    ASSERT_TRUE(host.ok()) << host.error().message();
    EXPECT_EQ(host->binary, path("qemu-system-x86_64").string());
    EXPECT_EQ(host->version, "7.2.22");
    EXPECT_EQ(host->machine_types, (std::vector<std::string>{"pc-q35-7.2", "pc-q35-2.4"}));
    EXPECT_FALSE(host->firmware.has_value());
  }
  EXPECT_EQ(asked(), 1U);
  install_qemu("9.1.0-rc1");  // another file: asked again
  const auto host = find_qemu({}, options());
  ASSERT_TRUE(host.ok());
  EXPECT_EQ(host->version, "9.1.0");
  EXPECT_EQ(asked(), 2U);
}

TEST_F(QemuHostTest, ADamagedCacheIsNoCache) {
  install_qemu("7.2.22");
  ASSERT_TRUE(write_file_atomic(path("cache.json"), "{\"version\":1,\"engines\":[]").ok());
  EXPECT_TRUE(find_qemu({}, options()).ok());
  ASSERT_TRUE(write_file_atomic(path("cache.json"), "{\"version\":1,\"engines\":7}").ok());
  EXPECT_TRUE(find_qemu({}, options()).ok());
  EXPECT_EQ(asked(), 2U);
}

TEST_F(QemuHostTest, SaysWhatToInstallAndWhatIsTooOld) {
  const auto missing = find_qemu({}, options());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_EQ(missing.error().hint_text(), "apt-get install qemu-system-x86");
  install_qemu("6.2.0");
  EXPECT_EQ(find_qemu({}, options()).error().code(), Code::kFailedPrecondition);
}

TEST_F(QemuHostTest, AnEngineThatCannotRunAProbeGuestGetsTcg) {
  install_qemu("7.2.22");
  QemuHostOptions wanted = options();
  wanted.accel.reset();
  const auto host = find_qemu({}, wanted);
  ASSERT_TRUE(host.ok()) << host.error().message();
  EXPECT_EQ(host->accel, Accel::kTcg);
  EXPECT_NE(host->accel_reason.find("KVM does not work here"), std::string::npos);
  wanted.accel = Accel::kKvm;
  EXPECT_FALSE(find_qemu({}, wanted).ok());
}

TEST_F(QemuHostTest, PicksTheFirmwareWithoutSecureBoot) {
  const auto descriptor = [&](std::string_view name, std::string_view arch, std::string_view machine,
                              std::string_view features) {
    const std::string file = path(name).string();
    const std::string text =
        R"({"interface-types":["uefi"],"mapping":{"device":"flash","executable":{"filename":")" + file +
        R"(.code","format":"raw"},"nvram-template":{"filename":")" + file +
        R"(.vars","format":"raw"}},"targets":[{"architecture":")" + std::string(arch) + R"(","machines":[")" +
        std::string(machine) + R"("]}],"features":[)" + std::string(features) + "]}";
    ASSERT_TRUE(write_file_atomic(file + ".json", text).ok());
    ASSERT_TRUE(write_file_atomic(file + ".code", "c").ok());
    ASSERT_TRUE(write_file_atomic(file + ".vars", "v").ok());
  };
  ASSERT_TRUE(write_file_atomic(path("10-broken.json"), "{").ok());
  descriptor("20-secure", "x86_64", "pc-q35-*", R"("secure-boot","requires-smm")");
  descriptor("30-arm", "aarch64", "virt-*", "");
  descriptor("40-gone", "x86_64", "pc-q35-*", "");
  descriptor("50-good", "x86_64", "pc-q35-*", "\"acpi-s3\"");
  ASSERT_EQ(::unlink(path("40-gone.vars").c_str()), 0);
  const auto x86 = find_firmware({path("missing"), folder_->path()}, Arch::kX86_64);
  ASSERT_TRUE(x86.has_value());
  EXPECT_EQ(x86->code, path("50-good.code").string());
  EXPECT_EQ(x86->vars_template, path("50-good.vars").string());
  const auto arm = find_firmware({folder_->path()}, Arch::kAarch64);
  ASSERT_TRUE(arm.has_value());
  EXPECT_EQ(arm->code, path("30-arm.code").string());
}

// Under TCG the probe guest must always answer: this holds the machine code itself.
TEST(AccelProbe, TheProbeGuestAnswersUnderTcg) {
  const auto answered = run_probe_guest({}, "qemu-system-x86_64", Arch::kX86_64, Accel::kTcg);
  EXPECT_TRUE(answered.ok()) << answered.error().message();
}

TEST(AccelProbe, AProgramThatIsNoQemuDoesNotAnswer) {
  EXPECT_FALSE(run_probe_guest({}, "/bin/true", Arch::kX86_64, Accel::kTcg).ok());
}

TEST(AccelProbe, OtherArchitecturesHaveNoKvm) {
  const Arch foreign = host_arch() == Arch::kX86_64 ? Arch::kAarch64 : Arch::kX86_64;
  EXPECT_FALSE(kvm_looks_usable(foreign).ok());
}

TEST(RamBacking, IsANamedFileOnTmpfsAndGoesWithItsOwner) {
  constexpr std::uint64_t kBytes = 8U << 20U;
  auto folder = TempDir::create("/dev/shm", "cove-ram-test-");
  ASSERT_TRUE(folder.ok());
  const std::string file = (folder->path() / "ram").string();
  ASSERT_TRUE(write_file_atomic(file, "left by a crash").ok());
  {
    auto ram = RamBacking::create(file, kBytes);
    ASSERT_TRUE(ram.ok()) << ram.error().message();
    EXPECT_TRUE(ram->named());
    struct stat info {};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), kBytes);
    EXPECT_EQ(info.st_blocks, 0);
  }
  EXPECT_FALSE(path_exists(file));
}

TEST(RamBacking, IsAMemfdElsewhere) {
  for (const char* wanted : {"", "/proc/self/ram"}) {
    auto ram = RamBacking::create(wanted, 1U << 20U);
    ASSERT_TRUE(ram.ok()) << ram.error().message();
    EXPECT_FALSE(ram->named());
    EXPECT_GE(ram->fd(), 0);
  }
}

TEST(RamBacking, CountsWhatOthersWerePromised) {
  auto folder = TempDir::create("/dev/shm", "cove-ram-test-");
  ASSERT_TRUE(folder.ok());
  const std::string name = folder->path().string();
  const auto left = free_space(folder->path());
  ASSERT_TRUE(left.ok());
  ASSERT_TRUE(check_ram_fits(name, 1U << 20U).ok());
  ASSERT_TRUE(write_file_atomic(folder->path() / "other", "").ok());
  std::error_code error;
  std::filesystem::resize_file(folder->path() / "other", *left, error);
  ASSERT_FALSE(error);
  const auto full = check_ram_fits(name, 64U << 20U);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  // A frozen memory never grows.
  std::filesystem::rename(folder->path() / "other", folder->path() / "cove-layer-0-1", error);
  ASSERT_FALSE(error);
  EXPECT_TRUE(check_ram_fits(name, 64U << 20U).ok());
}

TEST(LineTail, KeepsTheLastLinesFitToBeShown) {
  LineTail tail;
  for (int i = 0; i < 100; ++i) tail.push("line " + std::to_string(i) + "\r\n");
  tail.push(std::string(5000, 'x') + "\n\n");
  tail.push("half\x1b");
  const auto lines = tail.lines();
  ASSERT_EQ(lines.size(), LineTail::kMaxLines + 1);
  EXPECT_EQ(lines.back(), "half?");
  EXPECT_EQ(lines[lines.size() - 2].size(), LineTail::kMaxLineBytes);
  EXPECT_EQ(lines[lines.size() - 3], "line 99");
}

}  // namespace
}  // namespace cove
