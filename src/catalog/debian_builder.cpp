#include "catalog/debian_builder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"
#include "catalog/apt_sources.h"
#include "catalog/boot_disk.h"
#include "catalog/bootstrap.h"
#include "catalog/build_folder.h"
#include "catalog/guest_files.h"
#include "format/gpt.h"
#include "format/sha256.h"

namespace cove {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::size_t kMaxProgramBytes = 64 * kMiB;
constexpr std::string_view kCodename = "bookworm";

Result<GuestKernel> kernel_of(const ImageRef& ref) {
  if (ref.str() == kBuildableImages[0]) return GuestKernel::kCloud;
  if (ref.str() == kBuildableImages[1]) return GuestKernel::kFull;
  return Error(Code::kNotFound, "no image " + ref.str() + " can be built")
      .hint("there are debian:12 and debian:12-full");
}

struct HostSources {
  std::vector<AptSource> sources;
  std::string proxy;  // lines for apt.conf
};

Result<std::string> host_codename(const fs::path& os_release) {
  const std::string text = COVE_TRY(read_file(os_release));
  for (std::string_view line : split(text, '\n')) {
    constexpr std::string_view kKey = "VERSION_CODENAME=";
    if (line.starts_with(kKey)) {
      std::string name(trim(line.substr(kKey.size())));
      std::erase(name, '"');
      return name;
    }
  }
  return Error(Code::kFailedPrecondition, os_release.string() + " names no release")
      .hint("images are built on Debian hosts");
}

// What apt would use, whichever of its many files says it.
Result<std::string> host_proxy(const OpContext& ctx) {
  SpawnOptions options;
  options.argv = {"apt-config", "dump"};
  const CommandOutput output = COVE_TRY(run_command(ctx, std::move(options)));
  std::string lines;
  for (const std::string_view line : split(output.out, '\n')) {
    const std::string lower = to_lower(line);
    const bool proxy =
        lower.starts_with("acquire::http::proxy") || lower.starts_with("acquire::https::proxy");
    if (proxy && lower.find("\"\"") == std::string::npos) lines.append(line).append("\n");
  }
  return lines;
}

Result<HostSources> host_sources(const OpContext& ctx, const DebianBuildOptions& options) {
  HostSources host;
  const auto all = COVE_TRY(read_apt_sources(options.apt_config));
  host.sources = COVE_TRY(debian_sources(all, COVE_TRY(host_codename(options.os_release)), kCodename));
  host.proxy = COVE_TRY(host_proxy(ctx));
  return host;
}

Result<void> check_tools(const std::vector<std::string>& environment) {
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& entry : environment) {
    if (entry.starts_with("PATH=")) path = entry.substr(5) + ":" + path;
  }
  const std::pair<const char*, const char*> tools[] = {{"mmdebstrap", "mmdebstrap"},
                                                       {"mke2fs", "e2fsprogs"},
                                                       {"mformat", "mtools"},
                                                       {"unshare", "util-linux"},
                                                       {"apt-config", "apt"}};
  for (const auto& [tool, package] : tools) {
    bool found = false;
    for (const std::string_view folder : split(path, ':')) {
      found = found || ::access((fs::path(folder) / tool).c_str(), X_OK) == 0;
    }
    if (!found) {
      return Error(Code::kFailedPrecondition, std::string("building an image needs the program ") + tool)
          .hint(std::string("install it with: apt-get install ") + package);
    }
  }
  return {};
}

Result<void> check_space(const DebianBuildOptions& options, GuestKernel kernel) {
  const std::uint64_t more = kernel == GuestKernel::kFull ? 500 * kMiB : 0;
  const std::uint64_t for_image = 600 * kMiB + more;
  const std::uint64_t for_system = 800 * kMiB + more;
  struct stat home {};
  struct stat temporary {};
  const bool one = ::stat(options.home.c_str(), &home) == 0 &&
                   ::stat(options.temporary.c_str(), &temporary) == 0 && home.st_dev == temporary.st_dev;
  const auto need = [](const fs::path& place, std::uint64_t bytes) -> Result<void> {
    const std::uint64_t have = COVE_TRY(free_space(place));
    if (have >= bytes) return {};
    return Error(Code::kResourceExhausted, "building the image needs " + format_bytes(bytes) + " in " +
                                               place.string() + ", which has " + format_bytes(have) + " free")
        .hint("make room there, or choose another place with COVE_HOME or TMPDIR");
  };
  COVE_TRY(need(options.home, one ? for_image + for_system : for_image));
  return one ? Result<void>() : need(options.temporary, for_system);
}

// PATH with the sbin folders, as ordinary users lack them; a C locale, because lines are read.
std::vector<std::string> child_environment(const DebianBuildOptions& options) {
  std::vector<std::string> environment;
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& entry : options.environment) {
    if (entry.starts_with("PATH=")) path = entry.substr(5);
    if (entry.starts_with("PATH=") || entry.starts_with("TMPDIR=") || entry.starts_with("LC_") ||
        entry.starts_with("LANG")) {
      continue;
    }
    environment.push_back(entry);
  }
  environment.push_back("PATH=" + path + ":/usr/local/sbin:/usr/sbin:/sbin");
  environment.push_back("LC_ALL=C.UTF-8");
  return environment;
}

// Hooks run as the new system's root, which may be a mapped user that cannot reach our files by name: the
// disk comes as a descriptor, and a second mount of the system's root shows it without /proc, /sys and /dev.
std::string make_root_hook(const BootDiskPlan& plan) {
  const std::string make =
      "mke2fs -q -F -t ext4 -L root -m 1 -O ^metadata_csum_seed -E offset=" +
      std::to_string(plan.root_offset()) +
      ",lazy_itable_init=1,assume_storage_prezeroed=1,nodiscard -d \"$1/mnt\" /proc/self/fd/" +
      std::to_string(kDiskDescriptor) + " " + std::to_string(plan.root_bytes() / 1024) + "k";
  const std::string inner = "rm -rf \"$1\"/var/tmp/cove-out && mount --bind \"$1\" \"$1/mnt\" && " + make;
  return "unshare --mount sh -c " + shell_quote(inner) + " sh \"$1\"";
}

std::vector<std::string> bootstrap_argv(const GuestSettings& settings, const fs::path& scratch,
                                        const BootDiskPlan& plan) {
  const std::string out(kSealOutput);
  const auto download = [&](const std::string& name) {
    return "--customize-hook=download " + out + "/" + name + " " + shell_quote((scratch / name).string());
  };
  std::vector<std::string> argv = {
      "mmdebstrap", "--mode=auto", "--variant=apt", "--format=null",
      // The system is thrown away after the hooks: sealing it is ours.
      "--skip=cleanup/apt,cleanup/mmdebstrap,cleanup/reproducible,cleanup/run,cleanup/tmp",
      "--include=" + join(guest_packages(settings), ","), "--dpkgopt=force-unsafe-io",
      "--aptopt=Acquire::Languages \"none\"", "--aptopt=Acquire::Retries \"2\""};
  for (const char* path :
       {"/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*"}) {
    argv.push_back(std::string("--dpkgopt=path-exclude=") + path);
  }
  argv.push_back("--dpkgopt=path-include=/usr/share/doc/*/copyright");
  for (const std::string_view line : split(trim(settings.apt_proxy), '\n')) {
    if (!line.empty()) argv.push_back("--aptopt=" + std::string(line.substr(0, line.rfind(';'))));
  }
  argv.push_back("--customize-hook=tar-in " + shell_quote((scratch / "guest.tar").string()) + " /");
  argv.push_back("--customize-hook=chroot \"$1\" /bin/sh /" + std::string(kSealPath));
  for (const char* name : {"vmlinuz", "initrd.img", "loader.efi", "version"}) argv.push_back(download(name));
  argv.push_back("--customize-hook=" + make_root_hook(plan));
  argv.insert(argv.end(), {std::string(kCodename), "/dev/null", (scratch / "sources.list").string()});
  return argv;
}

Result<std::vector<GuestFile>> all_files(const DebianBuildOptions& options, const GuestSettings& settings) {
  // Read before the braces: GCC 12 forgets to destroy what stands in them when a COVE_TRY there returns.
  std::string agent = COVE_TRY(read_file(options.agent, kMaxProgramBytes));
  std::string initrd = COVE_TRY(read_file(options.initrd_program, kMaxProgramBytes));
  std::string unit = COVE_TRY(read_file(options.agent_unit));
  std::vector<GuestFile> files = guest_files(settings);
  files.push_back({"usr/local/bin/cove-agent", 0755, std::move(agent), {}});
  files.push_back({"usr/lib/cove/cove-initrd", 0755, std::move(initrd), {}});
  files.push_back({"etc/systemd/system/cove-agent.service", 0644, std::move(unit), {}});
  return files;
}

std::string recipe_of(const GuestSettings& settings, const std::vector<GuestFile>& files) {
  return sha256_hex(join(guest_packages(settings), ",") + tar_of(files) + guest_command_line(settings, ""));
}

Error left_behind(const Error& failure, const fs::path& place) {
  std::string hint = failure.hint_text();
  if (!hint.empty()) hint += "\n";
  return Error(failure.code(), failure.message())
      .hint(hint + "left behind, for the next build to remove: " + place.string());
}

}  // namespace

struct DebianBuilder::Plan {
  const GuestSettings& settings;
  const std::vector<AptSource>& sources;
  const std::string& recipe;
  const BuildFolder& folder;
};

DebianBuilder::DebianBuilder(DebianBuildOptions options) : options_(std::move(options)) {}

Result<CachedImage> DebianBuilder::build(const OpContext& ctx, Progress& progress) {
  GuestSettings settings;
  settings.kernel = COVE_TRY(kernel_of(options_.ref));
  const std::string recipe = recipe_of(settings, COVE_TRY(all_files(options_, settings)));
  const ImageCache cache(options_.home);
  using Rebuild = DebianBuildOptions::Rebuild;
  const auto ready = [&](bool built_by_other) -> Result<std::optional<CachedImage>> {
    if (options_.rebuild == Rebuild::kAlways && !built_by_other) return std::optional<CachedImage>();
    auto found = cache.find(options_.ref);
    // A damaged image is replaced, not complained about.
    if (!found.ok() || !found.value()) return std::optional<CachedImage>();
    const bool same = found.value()->manifest.recipe_sha256 == recipe;
    if (options_.rebuild == Rebuild::kIfMissing || same) return found;
    return std::optional<CachedImage>();
  };
  if (auto image = COVE_TRY(ready(false))) return *std::move(image);
  COVE_TRY(check_tools(options_.environment));
  const auto busy = cache.build_running(options_.ref);
  if (busy.ok() && busy.value()) progress.step("waiting for another build of " + options_.ref.str());
  const auto before = cache.find(options_.ref);
  const FileLock lock = COVE_TRY(cache.lock_for_build(ctx, options_.ref));
  const auto now = cache.find(options_.ref);
  const auto digest = [](const auto& found) {
    return found.ok() && found.value() ? found.value()->manifest.digest : std::string();
  };
  if (auto image = COVE_TRY(ready(digest(now) != digest(before)))) return *std::move(image);
  return build_locked(ctx, progress, recipe);
}

Result<CachedImage> DebianBuilder::build_locked(const OpContext& ctx, Progress& progress,
                                                const std::string& recipe) {
  progress.step("preparing");
  GuestSettings settings;
  settings.kernel = COVE_TRY(kernel_of(options_.ref));
  const HostSources host = COVE_TRY(host_sources(ctx, options_));
  settings.apt_proxy = host.proxy;
  COVE_TRY(check_space(options_, settings.kernel));
  const auto environment = child_environment(options_);
  BuildFolder::remove_abandoned(options_.temporary, environment);
  BuildFolder temporary = COVE_TRY(BuildFolder::create(options_.temporary, environment));
  auto image = assemble(ctx, progress, {settings, host.sources, recipe, temporary});
  const fs::path place = temporary.path();
  const auto removed = temporary.remove();
  if (image.ok() || removed.ok()) return image;
  return left_behind(image.error(), place);
}

Result<CachedImage> DebianBuilder::assemble(const OpContext& ctx, Progress& progress, const Plan& given) {
  const GuestSettings& settings = given.settings;
  const ImageCache cache(options_.home);
  const TempDir scratch = COVE_TRY(cache.scratch(options_.ref));
  TempDir result = COVE_TRY(cache.scratch(options_.ref));

  BootDiskPlan plan;
  plan.arch = settings.arch;
  plan.root_guid = to_string(random_guid());
  const fs::path disk = result.path() / "disk.raw";
  COVE_TRY(create_boot_disk(disk, plan));
  std::string sources;
  for (const AptSource& source : given.sources) sources += source.line() + "\n";
  COVE_TRY(write_file_atomic(scratch.path() / "sources.list", sources));
  const auto files = COVE_TRY(all_files(options_, settings));
  COVE_TRY(write_file_atomic(scratch.path() / "guest.tar", tar_of(files)));
  {
    const UniqueFd disk_fd = COVE_TRY(open_file(disk, O_RDWR));
    const fs::path& temporary = given.folder.path();
    auto environment = child_environment(options_);
    environment.push_back("TMPDIR=" + temporary.string());
    const BootstrapJob job{.argv = bootstrap_argv(settings, scratch.path(), plan),
                           .environment = std::move(environment),
                           .temporary = temporary,
                           .disk_fd = disk_fd.get(),
                           .lock_fd = given.folder.lock_fd()};
    COVE_TRY(run_bootstrap(ctx, job, progress));
  }
  progress.step("making the boot partition");
  ImageManifest manifest;
  manifest.ref = options_.ref;
  manifest.arch = settings.arch;
  manifest.kernel_version = COVE_TRY(read_file(scratch.path() / "version", 256));
  manifest.disk_bytes = plan.bytes;
  manifest.command_line = guest_command_line(settings, plan.root_guid);
  manifest.agent_sha256 = sha256_hex(COVE_TRY(read_file(options_.agent, kMaxProgramBytes)));
  manifest.recipe_sha256 = given.recipe;
  for (const char* name : {"vmlinuz", "initrd.img"}) {
    COVE_TRY(rename_durably(scratch.path() / name, result.path() / name));
  }
  COVE_TRY(fill_esp(ctx, disk, plan,
                    {scratch.path() / "loader.efi", result.path() / "vmlinuz", result.path() / "initrd.img",
                     manifest.kernel_version, manifest.command_line},
                    scratch.path()));
  progress.step("checking");
  return cache.publish(ctx, std::move(result), std::move(manifest));
}

}  // namespace cove
