// cove-initrd: /init of the guest's initial RAM disk, a few milliseconds long where a general one takes
// seconds. Loads the virtio drivers, finds the root partition by its GUID, stretches it when the disk has
// grown, mounts it and becomes the system's init. As a command it packs such a RAM disk:
//   cove-initrd pack /lib/modules/VERSION OUTPUT
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "app/initrd/machine_id.h"
#include "app/initrd/pack.h"
#include "app/initrd/root_disk.h"
#include "base/files.h"
#include "base/strings.h"

namespace cove::initrd {
namespace {

// To the kernel's log, which reaches the console and, later, the journal.
void say(std::string_view text) {
  const auto fd = open_file("/dev/kmsg", O_WRONLY);
  const std::string line = "<3>cove-initrd: " + std::string(text) + "\n";
  if (!fd.ok()) return;
  [[maybe_unused]] const auto written = ::write(fd.value().get(), line.data(), line.size());
}

void say_failure(const Result<void>& result, std::string_view doing) {
  if (!result.ok()) say(std::string(doing) + ": " + result.error().message());
}

Result<void> mount_at(const char* source, const char* target, const char* type, unsigned long flags) {
  if (::mount(source, target, type, flags, nullptr) == 0) return {};
  return Error::from_errno(errno, std::string("mounting ") + target);
}

void load_modules() {
  const auto names = list_directory("/modules");
  if (!names.ok()) return say(names.error().message());
  for (const std::string& name : names.value()) {
    const auto fd = open_file("/modules/" + name, O_RDONLY);
    const bool loaded =
        fd.ok() && (::syscall(SYS_finit_module, fd.value().get(), "", 0) == 0 || errno == EEXIST);
    if (!loaded) say("module " + name + ": " + std::strerror(errno));
    ::unlink(("/modules/" + name).c_str());
  }
}

// The value of the last "name=value" of the kernel's command line; empty if there is none.
std::string argument(std::string_view command_line, std::string_view name) {
  std::string value;
  for (const std::string_view word : split(trim(command_line), ' ')) {
    if (word.starts_with(name) && word.substr(name.size()).starts_with('='))
      value = word.substr(name.size() + 1);
  }
  return value;
}

// The file system grows behind the back of the booting system, which has enough room for its first second.
void grow_in_background(const std::string& node) {
  const pid_t child = ::fork();
  if (child != 0) return;
  static_cast<void>(::setsid());
  say_failure(grow_file_system("/root", node), "growing the root file system");
  ::_exit(0);
}

Result<void> mount_root(const std::string& command_line) {
  const std::string wanted = argument(command_line, "root");
  if (wanted.empty()) return Error(Code::kInvalidArgument, "no root= on the kernel command line");
  const RootPartition root = COVE_TRY(find_root(wanted));
  auto stretched = stretch_to_disk(root);
  if (!stretched.ok()) say("stretching " + root.node + ": " + stretched.error().message());
  COVE_TRY(mount_at(root.node.c_str(), "/root", "ext4", MS_NOATIME));
  // Asked for every time, for a boot may have ended between the two steps; without need it costs nothing.
  grow_in_background(root.node);
  say_failure(settle_machine_id("/root", "/sys/class/dmi/id/product_uuid"), "the machine id");
  return {};
}

Result<void> switch_root(const std::string& init, char** argv) {
  for (const char* folder : {"/dev", "/proc", "/sys"}) {
    const std::string target = std::string("/root") + folder;
    COVE_TRY(mount_at(folder, target.c_str(), nullptr, MS_MOVE));
  }
  ::unlink("/init");  // gives its memory back
  if (::chdir("/root") != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
      ::chdir("/") != 0) {
    return Error::from_errno(errno, "entering the root file system");
  }
  argv[0] = const_cast<char*>(init.c_str());
  ::execv(argv[0], argv);
  return Error::from_errno(errno, init);
}

Result<void> boot(char** argv) {
  COVE_TRY(mount_at("devtmpfs", "/dev", "devtmpfs", MS_NOSUID));
  COVE_TRY(mount_at("proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV));
  COVE_TRY(mount_at("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV));
  load_modules();
  const std::string command_line = COVE_TRY(read_file("/proc/cmdline"));
  COVE_TRY(mount_root(command_line));
  // init= is for a person who has to repair a system.
  const std::string init = argument(command_line, "init");
  return switch_root(init.empty() ? "/sbin/init" : init, argv);
}

int run(int argc, char** argv) {
  if (::getpid() == 1) {
    say_failure(boot(argv), "cannot boot");
    return 1;  // the kernel stops with "attempted to kill init", visible on the console
  }
  if (argc != 4 || std::string_view(argv[1]) != "pack") {
    dprintf(STDERR_FILENO, "usage: cove-initrd pack /lib/modules/VERSION OUTPUT\n");
    return 2;
  }
  const auto packed = pack(argv[2], argv[3]);
  if (packed.ok()) return 0;
  dprintf(STDERR_FILENO, "cove-initrd: %s\n", packed.error().message().c_str());
  return 1;
}

}  // namespace
}  // namespace cove::initrd

int main(int argc, char** argv) { return cove::initrd::run(argc, argv); }
