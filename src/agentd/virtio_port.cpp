#include "agentd/virtio_port.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove::agentd {
namespace {

// Every file of sysfs claims to be a page long.
constexpr std::size_t kMaxPortNameBytes = std::size_t{64} << 10U;
// In case an announcement of the kernel was lost.
constexpr std::chrono::milliseconds kLookAgain{1000};

// The kernel's own device announcements; invalid where there are none (containers).
UniqueFd watch_devices() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;
  if (fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fd.reset();
  return fd;
}

Result<void> wait_for_devices(const OpContext& ctx, int fd) {
  COVE_TRY(ctx.check());
  const OpContext brief = ctx.with_timeout(kLookAgain);
  pollfd fds[2] = {{fd, POLLIN, 0}, {ctx.cancel.fd(), POLLIN, 0}};
  if (::poll(fds, 2, brief.deadline.poll_timeout_ms()) < 0 && errno != EINTR)
    return Error::from_errno(errno, "poll");
  char message[8192];
  while (fd >= 0 && ::recv(fd, message, sizeof message, MSG_DONTWAIT) > 0) {
  }
  return ctx.check();
}

}  // namespace

Result<std::filesystem::path> find_virtio_port(const std::filesystem::path& sysfs, std::string_view name) {
  const auto folder = sysfs / "class/virtio-ports";
  const auto ports = list_directory(folder);
  if (ports.ok()) {
    for (const auto& port : *ports) {
      const auto found = read_file(folder / port / "name", kMaxPortNameBytes);
      if (found.ok() && trim(*found) == name) return std::filesystem::path("/dev") / port;
    }
  }
  return Error(Code::kNotFound, "no virtio-serial port called " + std::string(name));
}

Result<UniqueFd> open_virtio_port(const OpContext& ctx, std::string_view name) {
  const UniqueFd devices = watch_devices();  // before looking, so that nothing falls in between
  for (;;) {
    const auto path = find_virtio_port("/sys", name);
    if (path.ok()) {
      auto fd = open_file(*path, O_RDWR | O_NONBLOCK);
      if (fd.ok()) return fd;
    }
    COVE_TRY(wait_for_devices(ctx, devices.get()));
  }
}

}  // namespace cove::agentd
