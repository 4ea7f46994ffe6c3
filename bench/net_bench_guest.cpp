// The whole user space of the network benchmark's guest: /init of an initramfs that net_bench writes. Loads
// the modules in /modules by name order, sets the address and then does what the host asks, one TCP
// connection each: "U BYTES\n" sends so many bytes, "D BYTES\n" reads so many and acknowledges, "Q\n" powers
// off.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kBufferBytes = 256 << 10;
char buffer[kBufferBytes];

[[noreturn]] void power_off(const char* why) {
  std::printf("net_bench_guest: %s\n", why);
  std::fflush(stdout);
  ::sync();
  ::reboot(RB_POWER_OFF);
  std::abort();
}

void load_modules() {
  std::vector<std::string> names;
  DIR* folder = ::opendir("/modules");
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(folder);
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const int fd = ::open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (::syscall(SYS_finit_module, fd, "", 0) != 0)
      std::printf("module %s: %s\n", name.c_str(), std::strerror(errno));
    ::close(fd);
  }
}

void set_address(int fd, unsigned long request, const char* text) {
  ifreq interface {};
  std::strcpy(interface.ifr_name, "eth0");
  auto* address = reinterpret_cast<sockaddr_in*>(&interface.ifr_addr);
  address->sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &address->sin_addr);
  if (::ioctl(fd, request, &interface) < 0) power_off("cannot set the address of eth0");
}

void bring_up() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq interface {};
  std::strcpy(interface.ifr_name, "eth0");
  // The device appears a moment after its driver.
  for (int i = 0; i < 500 && ::ioctl(fd, SIOCGIFFLAGS, &interface) < 0; i++) ::poll(nullptr, 0, 10);
  set_address(fd, SIOCSIFADDR, "10.0.2.15");
  set_address(fd, SIOCSIFNETMASK, "255.255.255.0");
  interface.ifr_flags = static_cast<short>(interface.ifr_flags | IFF_UP | IFF_RUNNING);
  if (::ioctl(fd, SIOCSIFFLAGS, &interface) < 0) power_off("cannot bring eth0 up");
  if (::ioctl(fd, SIOCGIFMTU, &interface) == 0) std::printf("mtu %d\n", interface.ifr_mtu);
  ::close(fd);
}

int call_host(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in host{};
  host.sin_family = AF_INET;
  host.sin_port = htons(port);
  ::inet_pton(AF_INET, "10.0.2.2", &host.sin_addr);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&host), sizeof host) == 0) return fd;
  ::close(fd);
  return -1;
}

void send_bytes(int fd, std::uint64_t left) {
  while (left > 0) {
    const ssize_t count = ::send(fd, buffer, std::min<std::uint64_t>(left, kBufferBytes), 0);
    if (count <= 0) power_off("send failed");
    left -= static_cast<std::uint64_t>(count);
  }
}

void receive_bytes(int fd, std::uint64_t left) {
  while (left > 0) {
    const ssize_t count = ::recv(fd, buffer, kBufferBytes, 0);
    if (count <= 0) power_off("receive failed");
    left -= static_cast<std::uint64_t>(count);
  }
  if (::send(fd, "k", 1, 0) != 1) power_off("acknowledge failed");
}

}  // namespace

int main(int argc, char** argv) {
  // The kernel passes net_bench_port=N on as an environment variable.
  const char* port_text = std::getenv("net_bench_port");
  if (argc > 1 && port_text == nullptr) port_text = argv[1];
  if (port_text == nullptr) power_off("net_bench_port= is missing");
  load_modules();
  bring_up();
  std::fflush(stdout);
  for (;;) {
    const int fd = call_host(static_cast<std::uint16_t>(std::atoi(port_text)));
    if (fd < 0) power_off("cannot reach the host");
    char line[64] = {};
    // Byte by byte: what follows the line is data.
    for (std::size_t i = 0; i + 1 < sizeof line && (i == 0 || line[i - 1] != '\n'); i++) {
      if (::recv(fd, line + i, 1, 0) <= 0) power_off("the host hung up");
    }
    const std::uint64_t bytes = std::strtoull(line + 1, nullptr, 10);
    if (line[0] == 'U') send_bytes(fd, bytes);
    if (line[0] == 'D') receive_bytes(fd, bytes);
    if (line[0] == 'Q') power_off("done");
    ::shutdown(fd, SHUT_WR);
    while (::recv(fd, line, sizeof line, 0) > 0) {
    }
    ::close(fd);
  }
}
