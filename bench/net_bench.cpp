// net_bench: TCP between a guest and its host through our user network and through QEMU's built-in one, both
// guests running at once and measured in turn, so that other load on the machine meets both alike. Prints one
// line a measure and the medians; the exit status says whether the ratio of the medians reaches 0.7 both
// ways.
//   net_bench KERNEL MODULES_DIRECTORY GUEST_PROGRAM [RUNS [MIB [MTU]]]
// KERNEL: a bzImage; MODULES_DIRECTORY: its /lib/modules/VERSION, with uncompressed virtio modules;
// GUEST_PROGRAM: the static net_bench_guest.
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/io.h"
#include "base/process.h"
#include "base/strings.h"
#include "net/user_network.h"

namespace cove {
namespace {

constexpr auto kBootLimit = std::chrono::seconds(120);
constexpr auto kMeasureLimit = std::chrono::seconds(60);

// --- the initramfs --------------------------------------------------------------------------------------

void append_cpio(std::string& archive, const std::string& name, unsigned mode, const std::string& content) {
  static unsigned inode = 1;
  char header[111];
  std::snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode++,
                mode, 0U, 0U, 1U, 0U, static_cast<unsigned>(content.size()), 0U, 0U, 0U, 0U,
                static_cast<unsigned>(name.size() + 1), 0U);
  archive += header;
  archive += name;
  archive.append(1 + (4 - (110 + name.size() + 1) % 4) % 4, '\0');
  archive += content;
  archive.append((4 - content.size() % 4) % 4, '\0');
}

Result<std::string> build_initramfs(const std::string& modules, const std::string& guest_program) {
  const char* const wanted[] = {"virtio/virtio_ring",
                                "virtio/virtio",
                                "virtio/virtio_pci_modern_dev",
                                "virtio/virtio_pci_legacy_dev",
                                "virtio/virtio_pci",
                                "net/failover",
                                "net/net_failover",
                                "net/virtio_net"};
  constexpr unsigned kDirectory = 0040755;
  constexpr unsigned kProgram = 0100755;
  std::string archive;
  append_cpio(archive, "dev", kDirectory, "");
  append_cpio(archive, "modules", kDirectory, "");
  append_cpio(archive, "init", kProgram, COVE_TRY(read_file(guest_program)));
  int order = 0;
  for (const std::string name : wanted) {
    const std::string base = name.substr(name.find('/') + 1);
    for (const std::string root : {"/kernel/drivers/", "/kernel/"}) {
      // failover lives in net/core, the others below drivers.
      const std::string path = modules + root + (base == "failover" ? "net/core/failover" : name) + ".ko";
      if (!path_exists(path)) continue;
      append_cpio(archive, "modules/" + std::to_string(order++) + "-" + base, kProgram,
                  COVE_TRY(read_file(path)));
      break;
    }
  }
  append_cpio(archive, "TRAILER!!!", 0, "");
  return archive;
}

// --- one guest and the host's end of its measures ---------------------------------------------------------

enum class Kind { kBuiltIn, kOurs };

struct Measure {
  double mbit_per_s = 0;
  double network_s_per_gb = 0;  // CPU of our network thread
  double loop_s_per_gb = 0;     // CPU of QEMU's main loop and our network thread
  double total_s_per_gb = 0;    // CPU of all of QEMU and our network thread
};

double thread_cpu(const std::string& task) {
  const auto text = read_file(task + "/schedstat");
  if (!text.ok()) return 0;
  return static_cast<double>(parse_u64(split(*text, ' ')[0]).value_or(0)) / 1e9;
}

double network_thread_cpu() {
  double sum = 0;
  const auto tasks = list_directory("/proc/self/task");
  for (const auto& task : *tasks) {
    const std::string path = "/proc/self/task/" + task;
    const auto name = read_file(path + "/comm");
    if (name.ok() && trim(*name) == "network") sum += thread_cpu(path);
  }
  return sum;
}

class Guest {
 public:
  static Result<Guest> boot(Kind kind, std::uint32_t mtu, const std::string& kernel,
                            const std::string& initrd, const std::string& log) {
    Guest guest;
    guest.listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(guest.listener_.get(), generic, size) < 0 || ::listen(guest.listener_.get(), 4) < 0 ||
        ::getsockname(guest.listener_.get(), generic, &size) < 0) {
      return Error::from_errno(errno, "listening");
    }
    SpawnOptions options;
    options.parent_death_signal = SIGKILL;
    options.argv = {"qemu-system-x86_64",
                    "-nodefaults",
                    "-no-user-config",
                    "-display",
                    "none",
                    "-M",
                    "q35",
                    "-accel",
                    "tcg,thread=multi",
                    "-cpu",
                    "max",
                    "-smp",
                    "2",
                    "-m",
                    "512M",
                    "-no-reboot",
                    "-kernel",
                    kernel,
                    "-initrd",
                    initrd,
                    "-serial",
                    "file:" + log,
                    "-append",
                    "console=ttyS0 quiet panic=-1 net_bench_port=" + std::to_string(ntohs(address.sin_port))};
    std::string device = "virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56";
    UniqueFd qemu_end;
    if (kind == Kind::kOurs) {
      const UserNetworkOptions network{.mtu = mtu};
      guest.network_ = COVE_TRY(UserNetwork::create(network));
      FramePair pair = COVE_TRY(make_frame_pair());
      qemu_end = COVE_TRY(duplicate(pair.qemu.get()));
      guest.network_->attach(std::move(pair));
      options.descriptors = {{3, qemu_end.get()}};
      options.argv.insert(options.argv.end(), {"-netdev", "dgram,id=n0,local.type=fd,local.str=3"});
      device += ",host_mtu=" + std::to_string(network.mtu);
    } else {
      options.argv.insert(options.argv.end(), {"-netdev", "user,id=n0"});
    }
    options.argv.insert(options.argv.end(), {"-device", device});
    guest.process_.emplace(COVE_TRY(Process::spawn(options)));
    guest.connection_ = COVE_TRY(guest.accept_one(OpContext{}.with_timeout(kBootLimit)));
    return guest;
  }

  // Moves so many bytes in one direction ('U' from the guest, 'D' to it).
  Result<Measure> measure(char direction, std::uint64_t bytes) {
    const auto ctx = OpContext{}.with_timeout(kMeasureLimit);
    const std::string task = "/proc/" + std::to_string(process_->pid()) + "/task/";
    const auto qemu_total = [&] {
      double sum = 0;
      const auto threads = list_directory(task);
      for (const auto& thread : *threads) sum += thread_cpu(task + thread);
      return sum;
    };
    const double loop_before = thread_cpu(task + std::to_string(process_->pid()));
    const double total_before = qemu_total();
    const double network_before = network_thread_cpu();
    const auto start = std::chrono::steady_clock::now();
    COVE_TRY(write_all(ctx, connection_.get(), direction + std::to_string(bytes) + "\n"));
    COVE_TRY(direction == 'U' ? receive(ctx, bytes) : send(ctx, bytes));
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    // Two guests share this process's network threads by name only if both are ours; one is.
    const double network = network_ ? network_thread_cpu() - network_before : 0;
    const double gb = static_cast<double>(bytes) / 1e9;
    Measure result;
    result.mbit_per_s = gb * 8000 / spent.count();
    result.network_s_per_gb = network / gb;
    result.loop_s_per_gb = (thread_cpu(task + std::to_string(process_->pid())) - loop_before + network) / gb;
    result.total_s_per_gb = (qemu_total() - total_before + network) / gb;
    connection_.reset();  // the guest calls again when its end has closed
    connection_ = COVE_TRY(accept_one(ctx));
    return result;
  }

  void print_counters() const {
    if (!network_) return;
    const NetworkCounters counters = network_->counters();
    const FrameCounters& frames = counters.frames;
    std::printf(
        "frames out %llu (mean %llu bytes), in %llu (mean %llu bytes), dropped %llu, most queued %llu, "
        "wake-ups %llu\n",
        static_cast<unsigned long long>(frames.frames_out),
        static_cast<unsigned long long>(frames.bytes_out / std::max<std::uint64_t>(1, frames.frames_out)),
        static_cast<unsigned long long>(frames.frames_in),
        static_cast<unsigned long long>(frames.bytes_in / std::max<std::uint64_t>(1, frames.frames_in)),
        static_cast<unsigned long long>(frames.dropped_out),
        static_cast<unsigned long long>(frames.queued_peak),
        static_cast<unsigned long long>(counters.wakeups));
  }

 private:
  Result<UniqueFd> accept_one(const OpContext& ctx) {
    pollfd waits[] = {{listener_.get(), POLLIN, 0}, {process_->pidfd(), POLLIN, 0}};
    if (::poll(waits, 2, ctx.deadline.poll_timeout_ms()) <= 0) {
      return Error(Code::kDeadlineExceeded, "no connection from the guest");
    }
    if (waits[0].revents == 0) return Error(Code::kUnavailable, "QEMU has ended");
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return Error::from_errno(errno, "accept");
    return fd;
  }
  Result<void> receive(const OpContext& ctx, std::uint64_t left) {
    while (left > 0) {
      const std::size_t count = COVE_TRY(read_some(ctx, connection_.get(), buffer_));
      if (count == 0) return Error(Code::kUnavailable, "the guest hung up");
      left -= count;
    }
    return {};
  }
  Result<void> send(const OpContext& ctx, std::uint64_t left) {
    while (left > 0) {
      const std::size_t count = std::min<std::uint64_t>(left, buffer_.size());
      COVE_TRY(write_all(ctx, connection_.get(), std::string_view(buffer_.data(), count)));
      left -= count;
    }
    char acknowledgement = 0;
    return read_exact(ctx, connection_.get(), {&acknowledgement, 1});
  }

  UniqueFd listener_;
  UniqueFd connection_;
  std::unique_ptr<UserNetwork> network_;
  std::optional<Process> process_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10, 'x');
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double median_of(const std::vector<Measure>& measures, double Measure::*field) {
  std::vector<double> values;
  for (const Measure& each : measures) values.push_back(each.*field);
  return median(std::move(values));
}

Result<bool> compare(std::map<std::string, Guest>& guests, std::size_t runs, std::uint64_t bytes) {
  bool reached = true;
  for (const char direction : {'U', 'D'}) {
    const char* const arrow = direction == 'U' ? "guest -> host" : "host -> guest";
    std::map<std::string, std::vector<Measure>> all;
    for (std::size_t run = 0; run < runs; run++) {
      for (auto& [name, guest] : guests) {
        const Measure one = COVE_TRY(guest.measure(direction, bytes));
        std::printf("%s  %-8s  %6.0f Mbit/s  loop %.2f (network thread %.2f) s/GB  total %.2f s/GB\n", arrow,
                    name.c_str(), one.mbit_per_s, one.loop_s_per_gb, one.network_s_per_gb,
                    one.total_s_per_gb);
        std::fflush(stdout);
        all[name].push_back(one);
      }
    }
    const auto ratio = [&](double Measure::*field) {
      return median_of(all["ours"], field) / median_of(all["built-in"], field);
    };
    const double rate = ratio(&Measure::mbit_per_s);
    std::printf(
        "%s  medians of %zu: ours %.0f, built-in %.0f Mbit/s, rate ratio %.2f, CPU ratio: loop %.2f, total "
        "%.2f\n",
        arrow, runs, median_of(all["ours"], &Measure::mbit_per_s),
        median_of(all["built-in"], &Measure::mbit_per_s), rate, ratio(&Measure::loop_s_per_gb),
        ratio(&Measure::total_s_per_gb));
    reached = reached && rate >= 0.7;
  }
  return reached;
}

Result<bool> run(std::span<const std::string> arguments) {
  if (arguments.size() < 3 || arguments.size() > 6) {
    return Error(Code::kInvalidArgument,
                 "usage: net_bench KERNEL MODULES_DIRECTORY GUEST_PROGRAM [RUNS [MIB [MTU]]]");
  }
  const auto runs = arguments.size() > 3 ? parse_u64(arguments[3]) : 5;
  const auto mib = arguments.size() > 4 ? parse_u64(arguments[4]) : 128;
  const auto mtu = arguments.size() > 5 ? parse_u64(arguments[5]) : 65520;
  if (!mtu || *mtu > 65520) return Error(Code::kInvalidArgument, "MTU is 576 to 65520");
  if (!runs || *runs == 0 || !mib || *mib == 0)
    return Error(Code::kInvalidArgument, "RUNS and MIB are numbers");
  const TempDir folder = COVE_TRY(TempDir::create("/tmp", "net_bench"));
  const std::string initrd = folder.path() / "initrd";
  COVE_TRY(write_file_atomic(initrd, COVE_TRY(build_initramfs(arguments[1], arguments[2]))));
  std::map<std::string, Guest> guests;
  for (const auto& [name, kind] : {std::pair("built-in", Kind::kBuiltIn), std::pair("ours", Kind::kOurs)}) {
    const std::string log = folder.path() / (std::string(name) + ".log");
    auto guest = Guest::boot(kind, static_cast<std::uint32_t>(*mtu), arguments[0], initrd, log);
    if (!guest.ok()) {
      const auto console = read_file(log);
      return std::move(guest).error().context(std::string("booting the guest (") +
                                              (console.ok() ? *console : "no console") + ")");
    }
    guests.emplace(name, std::move(*guest));
  }
  const bool reached = COVE_TRY(compare(guests, *runs, *mib << 20U));
  guests.at("ours").print_counters();
  return reached;
}

}  // namespace
}  // namespace cove

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto reached = cove::run(arguments);
  if (!reached.ok()) {
    std::fprintf(stderr, "net_bench: %s\n", reached.error().message().c_str());
    return 2;
  }
  return *reached ? 0 : 1;
}
