#include "catalog/guest_files.h"

#include <algorithm>

#include "base/check.h"

namespace cove {
namespace {

constexpr std::string_view kConsole =
    R"(# Login on the serial console. Unlike serial-getty@ it does not wait for udev to name a device that is always
# there.
[Unit]
Description=Login on the serial console
After=systemd-user-sessions.service
Before=getty.target
IgnoreOnIsolate=yes
ConditionPathExists=/dev/CONSOLE

[Service]
ExecStart=-/sbin/agetty --noclear --keep-baud 115200,57600,38400,9600 CONSOLE vt220
Restart=always
RestartSec=1
UtmpIdentifier=CONSOLE
StandardInput=tty
StandardOutput=tty
TTYPath=/dev/CONSOLE
TTYReset=yes
TTYVHangup=yes
IgnoreSIGPIPE=no
SendSIGHUP=yes

[Install]
WantedBy=getty.target
)";

constexpr std::string_view kNetwork =
    R"(# The user network's addresses are always the same, so nobody has to ask for them.
[Match]
Driver=virtio_net

[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
)";

constexpr std::string_view kLate =
    R"(# Work that no boot has to wait for: the devices beyond disk and network, file systems that few programs use,
# the journal's move to disk.
[Unit]
Description=Late part of the boot
After=multi-user.target

[Service]
Type=oneshot
RemainAfterExit=yes
Nice=10
ExecStart=-udevadm trigger --type=subsystems --action=add
ExecStart=-udevadm trigger --type=devices --action=add
ExecStart=-journalctl --flush
ExecStart=-systemctl --no-block start dev-mqueue.mount dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount sys-kernel-config.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-update-utmp.service

[Install]
WantedBy=multi-user.target
)";

constexpr std::string_view kTrigger = R"([Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=block --subsystem-match=net
)";

constexpr std::string_view kSshKeys =
    R"(# Host keys are made at the first boot, after the login prompt; each VM has its own.
[Unit]
After=cove-console.service

[Service]
ExecStartPre=
ExecStartPre=/bin/sh -c 'for t in ed25519 ecdsa; do f=/etc/ssh/ssh_host_$${t}_key; [ -s "$$f" ] || ssh-keygen -q -t $$t -N "" -f "$$f"; done'
ExecStartPre=/usr/sbin/sshd -t
)";

constexpr std::string_view kSshConfig = R"(HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
UseDNS no
)";

constexpr std::string_view kKernelHook = R"(#!/bin/sh
# A new kernel gets its initial RAM disk and its entry for booting by UEFI.
set -e
version=$1
[ -n "$version" ] && [ -d "/lib/modules/$version" ] || exit 0
initrd=/boot/cove-initrd-$version.img
/usr/lib/cove/cove-initrd pack "/lib/modules/$version" "$initrd"
esp=/dev/disk/by-partlabel/ESP
[ -b "$esp" ] || exit 0
folder=$(mktemp -d)
mount -t vfat "$esp" "$folder"
trap 'umount "$folder"; rmdir "$folder"' EXIT
mkdir -p "$folder/cove/$version"
cp "/boot/vmlinuz-$version" "$folder/cove/$version/linux"
cp "$initrd" "$folder/cove/$version/initrd"
options=$(sed -n 's/^options //p' "$folder"/loader/entries/*.conf | head -n 1)
printf 'title Debian\nversion %s\nlinux /cove/%s/linux\ninitrd /cove/%s/initrd\noptions %s\n' \
  "$version" "$version" "$version" "$options" > "$folder/loader/entries/cove-$version.conf"
)";

constexpr std::string_view kSeal = R"(set -e
export LC_ALL=C
rm -f /etc/ssh/ssh_host_* /etc/apt/apt.conf.d/*mmdebstrap /etc/dpkg/dpkg.cfg.d/*mmdebstrap
rm -f /usr/sbin/policy-rc.d
[ ! -e /sbin/start-stop-daemon.REAL ] || mv /sbin/start-stop-daemon.REAL /sbin/start-stop-daemon
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/debconf/*-old
rm -rf /var/lib/dpkg/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log
rm -f /etc/hostname /var/lib/systemd/random-seed
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id
: > /etc/fstab
printf 'nameserver 10.0.2.3\n' > /etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' > /etc/hosts
chmod 644 /etc/resolv.conf /etc/hosts
version=$(ls /lib/modules)
out=/var/tmp/cove-out
mkdir -p "$out"
/usr/lib/cove/cove-initrd pack "/lib/modules/$version" "/boot/cove-initrd-$version.img"
cp "/boot/cove-initrd-$version.img" "$out/initrd.img"
cp "/boot/vmlinuz-$version" "$out/vmlinuz"
cp /usr/lib/systemd/boot/efi/systemd-boot*.efi "$out/loader.efi"
printf '%s' "$version" > "$out/version"
rm -rf /usr/lib/cove/seal /tmp/* /run/*
)";

void add_file(std::vector<GuestFile>& files, std::string path, std::string_view content,
              unsigned mode = 0644) {
  files.push_back({std::move(path), mode, std::string(content), {}});
}
void add_link(std::vector<GuestFile>& files, std::string path, std::string target) {
  files.push_back({std::move(path), 0777, {}, std::move(target)});
}

constexpr std::string_view kSystem = "etc/systemd/system/";

// A masked link in our folder hides the link of the same name that a package ships.
void hide_wants(std::vector<GuestFile>& files, const std::string& target,
                const std::vector<std::string>& units) {
  for (const std::string& unit : units) {
    add_link(files, std::string(kSystem) + target + ".wants/" + unit, "/dev/null");
  }
}

void add_boot_trims(std::vector<GuestFile>& files) {
  // Each generator is a process at the very beginning of a boot; these could only say "nothing to do".
  for (const char* name : {"cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup",
                           "rc-local", "run", "system-update", "veritysetup"}) {
    add_link(files, std::string("etc/systemd/system-generators/systemd-") + name + "-generator", "/dev/null");
  }
  hide_wants(files, "sysinit.target",
             {"cryptsetup.target",
              "integritysetup.target",
              "veritysetup.target",
              "dev-hugepages.mount",
              "dev-mqueue.mount",
              "kmod-static-nodes.service",
              "sys-fs-fuse-connections.mount",
              "sys-kernel-config.mount",
              "sys-kernel-debug.mount",
              "sys-kernel-tracing.mount",
              "systemd-binfmt.service",
              "systemd-firstboot.service",
              "systemd-pcrphase-sysinit.service",
              "systemd-pcrphase.service",
              "systemd-sysusers.service",
              "systemd-repart.service",
              "systemd-update-utmp.service",
              "systemd-ask-password-console.path",
              "proc-sys-fs-binfmt_misc.automount",
              "systemd-machine-id-commit.service",
              "systemd-pstore.service",
              "systemd-modules-load.service",
              "systemd-journal-flush.service",
              "systemd-random-seed.service"});
  // The bus and logind start when somebody logs in or asks.
  hide_wants(files, "multi-user.target",
             {"systemd-ask-password-wall.path", "systemd-update-utmp-runlevel.service",
              "systemd-logind.service", "dbus.service", "e2scrub_reap.service", "remote-fs.target"});
  hide_wants(files, "getty.target", {"getty-static.service", "getty@tty1.service"});
  hide_wants(files, "timers.target",
             {"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"});
  add_link(files, std::string(kSystem) + "default.target", "/lib/systemd/system/multi-user.target");
}

std::string console_of(Arch arch) { return arch == Arch::kAarch64 ? "ttyAMA0" : "ttyS0"; }

std::string console_unit(const std::string& console) {
  std::string unit(kConsole);
  constexpr std::string_view kMark = "CONSOLE";
  for (std::size_t at = unit.find(kMark); at != std::string::npos; at = unit.find(kMark)) {
    unit.replace(at, kMark.size(), console);
  }
  return unit;
}

std::string octal(std::uint64_t value, std::size_t width) {
  std::string text(width, '0');
  for (std::size_t i = width; i > 0 && value != 0; --i, value /= 8)
    text[i - 1] = static_cast<char>('0' + value % 8);
  return text;
}

std::string tar_header(const GuestFile& file) {
  COVE_CHECK(file.path.size() <= 100 && file.link.size() <= 100);
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, file.path);
  put(100, octal(file.mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(file.content.size(), 11));
  put(136, octal(0, 11));
  put(148, std::string(8, ' '));
  put(156, file.link.empty() ? "0" : "2");
  put(157, file.link);
  put(257, "ustar");
  put(263, "00");
  put(265, "root");
  put(297, "root");
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6));
  header[154] = '\0';
  return header;
}

}  // namespace

std::vector<std::string> guest_packages(const GuestSettings& settings) {
  std::vector<std::string> packages = {
      "ca-certificates", "curl",           "dbus",    "e2fsprogs",
      "iproute2",        "iputils-ping",   "less",    "libnss-myhostname",
      "libpam-systemd",  "nano",           "netbase", "openssh-server",
      "procps",          "sudo",           "systemd", "systemd-boot-efi",
      "systemd-sysv",    "tiny-initramfs", "tzdata",  "udev",
      "vim-tiny",        "xz-utils",
      // tiny-initramfs stands in for initramfs-tools, which kernels ask for: our RAM disk is cove-initrd's.
  };
  const std::string arch = settings.arch == Arch::kAarch64 ? "arm64" : "amd64";
  packages.push_back(settings.kernel == GuestKernel::kCloud ? "linux-image-cloud-" + arch
                                                            : "linux-image-" + arch);
  std::sort(packages.begin(), packages.end());
  return packages;
}

std::vector<GuestFile> guest_files(const GuestSettings& settings) {
  std::vector<GuestFile> files;
  const std::string system(kSystem);
  add_boot_trims(files);
  add_link(files, system + "sysinit.target.wants/cove-agent.service", "../cove-agent.service");
  add_file(files, system + "cove-console.service", console_unit(console_of(settings.arch)));
  add_link(files, system + "getty.target.wants/cove-console.service", "../cove-console.service");
  add_file(files, "etc/systemd/network/50-cove.network", kNetwork);
  add_link(files, system + "multi-user.target.wants/systemd-networkd.service",
           "/lib/systemd/system/systemd-networkd.service");
  add_link(files, system + "sockets.target.wants/systemd-networkd.socket",
           "/lib/systemd/system/systemd-networkd.socket");
  // The full kernel is for desktops and USB: there every device counts from the start.
  if (settings.kernel == GuestKernel::kCloud) {
    add_file(files, system + "systemd-udev-trigger.service.d/cove.conf", kTrigger);
  }
  add_file(files, system + "cove-late.service", kLate);
  add_link(files, system + "multi-user.target.wants/cove-late.service", "../cove-late.service");
  add_file(files, system + "ssh.service.d/cove.conf", kSshKeys);
  add_file(files, "etc/ssh/sshd_config.d/50-cove.conf", kSshConfig);
  add_file(files, "etc/kernel/postinst.d/zz-cove", kKernelHook, 0755);
  if (!settings.apt_proxy.empty()) add_file(files, "etc/apt/apt.conf.d/50cove-proxy", settings.apt_proxy);
  add_file(files, std::string(kSealPath), kSeal, 0755);
  return files;
}

std::string guest_command_line(const GuestSettings& settings, std::string_view root_guid) {
  return "root=PARTUUID=" + std::string(root_guid) + " rw console=" + console_of(settings.arch) +
         " quiet loglevel=4 net.ifnames=0";
}

std::string tar_of(const std::vector<GuestFile>& files) {
  std::string archive;
  for (const GuestFile& file : files) {
    archive += tar_header(file);
    archive += file.content;
    archive.append((512 - archive.size() % 512) % 512, '\0');
  }
  archive.append(1024, '\0');
  return archive;
}

}  // namespace cove
