// engine_start: boots one guest in QEMU by cove's own machine and prints, in milliseconds from start():
// QEMU answering, the vCPUs running, the first byte on the console, and the awaited text on it; then how long
// the guest takes to power off. For numbers, and to see console, network and agent port of a guest alive.
//   engine_start KERNEL INITRD CMDLINE DISK.qcow2 TEXT [TYPE-AFTERWARDS]
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "hypervisor/qemu/qemu_hypervisor.h"

namespace cove {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Boot {
 public:
  Boot(EventLoop& loop, Machine& machine, std::string text, std::string keys)
      : loop_(loop), machine_(machine), text_(std::move(text)), keys_(std::move(keys)) {}

  int run() {
    console_ = machine_.take_console();
    net_ = machine_.take_net();
    agent_ = machine_.take_agent();
    const auto events = machine_.on_event([this](const MachineEvent& event) { told(event); });
    const auto console = loop_.watch(console_.get(), Ready::kRead, [this] { read_console(); });
    const auto net = loop_.watch(net_.get(), Ready::kRead, [this] { frames_ += drain(net_); });
    const auto agent = loop_.watch(agent_.get(), Ready::kRead, [this] { agent_reads_ += drain(agent_); });
    loop_.post([this] {
      begin_ = SteadyClock::now();
      machine_.start([this](const Result<void>& result) {
        report("vcpus run");
        if (!result.ok()) finish(result.error().message());
      });
    });
    const auto limit =
        loop_.after(std::chrono::minutes(3), [this] { finish("no such text within 3 minutes"); });
    loop_.run();
    std::printf("frames from the guest %zu, reads on the agent port %zu\n", frames_, agent_reads_);
    if (!failure_.empty()) std::printf("failed: %s\n--- console\n%s\n", failure_.c_str(), output_.c_str());
    return failure_.empty() ? 0 : 1;
  }

 private:
  void report(const char* what) const {
    const auto span = SteadyClock::now() - begin_;
    std::printf("%-24s %6lld ms\n", what,
                static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()));
  }
  void told(const MachineEvent& event) {
    const std::string line = std::string(to_string(event.kind)) + " " + std::string(to_string(event.state));
    report(line.c_str());
    if (event.kind == MachineEvent::Kind::kEngineExited) loop_.stop();
  }
  static std::size_t drain(const UniqueFd& fd) {
    std::size_t count = 0;
    char buffer[65536];
    while (::recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++count;
    return count;
  }
  void read_console() {
    char buffer[4096];
    const ssize_t count = ::recv(console_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count <= 0) return;
    if (output_.empty()) report("first console byte");
    output_.append(buffer, static_cast<std::size_t>(count));
    if (seen_ || output_.find(text_) == std::string::npos) return;
    seen_ = true;
    report("awaited text");
    if (keys_.empty()) return press_button();
    [[maybe_unused]] const auto sent = ::send(console_.get(), keys_.data(), keys_.size(), MSG_NOSIGNAL);
    typing_ = loop_.after(std::chrono::seconds(8), [this] {
      std::printf("--- console after typing\n%s\n---\n",
                  output_.substr(output_.size() > 1500 ? output_.size() - 1500 : 0).c_str());
      press_button();
    });
  }
  void press_button() {
    machine_.stop(StopMode::kRequest, [this](const Result<void>&) { report("power button pressed"); });
    typing_ = loop_.after(std::chrono::seconds(60), [this] { finish("the guest ignores its power button"); });
  }
  void finish(std::string why) {
    failure_ = std::move(why);
    loop_.stop();
  }

  EventLoop& loop_;
  Machine& machine_;
  std::string text_;
  std::string keys_;
  std::string output_;
  std::string failure_;
  UniqueFd console_;
  UniqueFd net_;
  UniqueFd agent_;
  Registration typing_;
  std::size_t frames_ = 0;
  std::size_t agent_reads_ = 0;
  bool seen_ = false;
  SteadyClock::time_point begin_ = SteadyClock::now();
};

Result<int> boot(char** argv) {
  const char* path = std::getenv("PATH");
  auto hypervisor = COVE_TRY(make_qemu_hypervisor({}, {.path = path == nullptr ? "" : path}));
  VmConfig config;
  config.mac = "52:54:00:12:34:56";
  config.memory_gb = 1;
  MachinePaths paths;
  paths.kernel = argv[1];
  paths.initrd = argv[2];
  paths.cmdline = argv[3];
  paths.root_disk = argv[4];
  paths.ram = "/dev/shm/cove-engine-start.ram";
  auto loop = make_event_loop();
  auto machine = COVE_TRY(hypervisor->create(*loop, COVE_TRY(hypervisor->plan(config, paths)), {}));
  return Boot(*loop, *machine, argv[5], argv[6] == nullptr ? "" : argv[6]).run();
}

}  // namespace
}  // namespace cove

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  const auto status = cove::boot(argv);
  if (status.ok()) return *status;
  std::printf("%s\n", status.error().message().c_str());
  return 1;
}
