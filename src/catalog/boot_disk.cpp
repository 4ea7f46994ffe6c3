#include "catalog/boot_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"
#include "format/gpt.h"

namespace cove {
namespace {

constexpr std::uint64_t kEspOffset = std::uint64_t{1} << 20U;
constexpr std::uint64_t kEspBytes = std::uint64_t{64} << 20U;
constexpr std::string_view kEspType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

std::string_view root_type(Arch arch) {
  return arch == Arch::kAarch64 ? "b921b045-1df0-41c3-af44-4c6f280d3fae"
                                : "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
}

Result<GptBytes> partition_table(const BootDiskPlan& plan) {
  GptLayout layout;
  layout.disk_id = random_guid();
  const auto sector = [](std::uint64_t bytes) { return bytes / kSectorBytes; };
  layout.partitions.push_back({0,
                               {COVE_TRY(parse_guid(kEspType)), random_guid(), sector(kEspOffset),
                                sector(kEspOffset + kEspBytes) - 1, 0, gpt_name("ESP")}});
  layout.partitions.push_back(
      {1,
       {COVE_TRY(parse_guid(root_type(plan.arch))), COVE_TRY(parse_guid(plan.root_guid)),
        sector(plan.root_offset()), sector(plan.bytes) - kGptTailSectors - 1, 0, gpt_name("root")}});
  return encode_gpt(layout, sector(plan.bytes));
}

Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  if (::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
      static_cast<ssize_t>(bytes.size())) {
    return {};
  }
  return Error::from_errno(errno, "writing the disk");
}

Result<void> run_tool(const OpContext& ctx, std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  const std::string program = options.argv.front();
  const CommandOutput output = COVE_TRY(run_command(ctx, std::move(options)));
  if (output.status.success()) return {};
  return Error(Code::kInternal,
               program + " failed (" + output.status.describe() + "): " + std::string(trim(output.err)));
}

}  // namespace

Result<void> create_boot_disk(const std::filesystem::path& disk, const BootDiskPlan& plan) {
  const GptBytes table = COVE_TRY(partition_table(plan));
  const UniqueFd fd = COVE_TRY(open_file(disk, O_RDWR | O_CREAT | O_EXCL, 0600));
  if (::fchmod(fd.get(), 0666) != 0 || ::ftruncate(fd.get(), static_cast<off_t>(plan.bytes)) != 0) {
    return Error::from_errno(errno, disk.string());
  }
  COVE_TRY(write_at(fd.get(), table.head, 0));
  return write_at(fd.get(), table.tail, plan.bytes - table.tail.size());
}

Result<void> fill_esp(const OpContext& ctx, const std::filesystem::path& disk, const BootDiskPlan& plan,
                      const EspContent& content, const std::filesystem::path& scratch) {
  const std::string image = disk.string() + "@@" + std::to_string(kEspOffset);
  const std::string folder = "::/cove/" + content.kernel_version;
  const auto loader_file = scratch / "loader.conf";
  const auto entry_file = scratch / "entry.conf";
  COVE_TRY(write_file_atomic(loader_file, "timeout 0\ndefault cove-*\neditor no\n"));
  const std::string path = "/cove/" + content.kernel_version;
  COVE_TRY(write_file_atomic(entry_file, "title Debian\nversion " + content.kernel_version + "\nlinux " +
                                             path + "/linux\ninitrd " + path + "/initrd\noptions " +
                                             content.command_line + "\n"));
  const std::string loader = plan.arch == Arch::kAarch64 ? "BOOTAA64.EFI" : "BOOTX64.EFI";
  COVE_TRY(run_tool(ctx, {"mformat", "-i", image, "-F", "-T", std::to_string(kEspBytes / kSectorBytes), "-h",
                          "255", "-s", "63", "-v", "ESP", "::"}));
  COVE_TRY(run_tool(ctx, {"mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/loader", "::/loader/entries",
                          "::/cove", folder}));
  const std::vector<std::pair<std::filesystem::path, std::string>> files = {
      {content.loader, "::/EFI/BOOT/" + loader},
      {loader_file, "::/loader/loader.conf"},
      {entry_file, "::/loader/entries/cove-" + content.kernel_version + ".conf"},
      {content.kernel, folder + "/linux"},
      {content.initrd, folder + "/initrd"}};
  for (const auto& [from, to] : files) COVE_TRY(run_tool(ctx, {"mcopy", "-i", image, from.string(), to}));
  return {};
}

}  // namespace cove
