// cove-vm: the supervisor of one VM. Started by the launcher; nobody types this command line.
//   cove-vm -home DIR -vm NAME [-ready-fd N] [-lifetime-fd N] [-cold yes|no] [-forward ADDRESS:HOST:GUEST]...
//   cove-vm machine-types -home DIR -arch ARCH    prints the engine's, one a line
// Environment: COVE_BACKEND=fake runs machines without a guest (COVE_FAKE: their options as JSON);
// and COVE_TEST_OWNER=PID ends them with that process; COVE_ACCEL=kvm|tcg demands an accelerator;
// COVE_LOG=debug; COVE_TEST_KILL_AT=STEP ends the process by SIGKILL at a step of its life, for crash tests.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "agent/rpc_agent_client.h"
#include "app/fake_guest.h"
#include "base/log.h"
#include "base/standard_streams.h"
#include "base/strings.h"
#include "catalog/image_cache.h"
#include "control/socket_acceptor.h"
#include "disk/disk_nodes.h"
#include "hypervisor/fake/fake_hypervisor.h"
#include "hypervisor/qemu/qemu_hypervisor.h"
#include "net/port_forward.h"
#include "rpc/message_log.h"
#include "supervisor/supervisor.h"

namespace {

using namespace cove;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct Arguments {
  std::string home;
  std::string vm;
  int ready_fd = -1;
  int lifetime_fd = -1;
  std::vector<PortForward> forwards;
  SupervisorOptions::Beginning beginning = SupervisorOptions::Beginning::kAsItWas;
};

Result<int> inherited_fd(const std::string& text) {
  const auto number = parse_u64(text);
  if (!number || *number < 3 || *number > 1023 ||
      ::fcntl(static_cast<int>(*number), F_SETFD, FD_CLOEXEC) < 0) {
    return Error(Code::kInvalidArgument, "not an inherited descriptor: " + text);
  }
  return static_cast<int>(*number);
}

Result<Arguments> parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string& name = words[i];
    if (i + 1 == words.size()) return Error(Code::kInvalidArgument, name + " needs a value");
    const std::string& value = words[i + 1];
    if (name == "-home") {
      arguments.home = value;
    } else if (name == "-vm") {
      arguments.vm = value;
    } else if (name == "-ready-fd") {
      arguments.ready_fd = COVE_TRY(inherited_fd(value));
    } else if (name == "-lifetime-fd") {
      arguments.lifetime_fd = COVE_TRY(inherited_fd(value));
    } else if (name == "-cold") {
      if (value == "yes") arguments.beginning = SupervisorOptions::Beginning::kCold;
    } else if (name == "-forward") {
      const ForwardSpec forward = COVE_TRY(parse_forward(value));
      arguments.forwards.push_back({forward.host_address, forward.host_port, forward.guest_port});
    } else {
      return Error(Code::kInvalidArgument, "unknown argument: " + name);
    }
  }
  if (arguments.home.empty() || arguments.vm.empty()) {
    return Error(Code::kInvalidArgument, "-home and -vm are needed");
  }
  return arguments;
}

struct Backend {
  std::unique_ptr<Hypervisor> hypervisor;
  std::string accelerator_reason;
  GreetingOptions::Depth greeting = GreetingOptions::Depth::kFull;
};

Result<Backend> make_fake(const VmDirectory& directory) {
  FakeOptions options;
  if (const std::string text = variable("COVE_FAKE"); !text.empty()) {
    options = COVE_TRY(FakeOptions::from_json(COVE_TRY(Json::parse(text))).context("COVE_FAKE"));
  }
  options.guest = [root = directory.path() / "fake-guest"](FakeGuestPorts ports) {
    return make_fake_guest(std::move(ports), root);
  };
  return Backend{make_fake_hypervisor(std::move(options)), "", GreetingOptions::Depth::kHelloOnly};
}

Result<QemuHost> look_for_qemu(const Home& home, Arch arch) {
  const std::string wanted = variable("COVE_BACKEND");
  if (!wanted.empty() && wanted != "qemu") {
    return Error(Code::kInvalidArgument, "COVE_BACKEND: there is no backend " + wanted);
  }
  QemuHostOptions options;
  options.arch = arch;
  options.path = variable("PATH");
  options.cache_file = home.cache() / "qemu-host.json";
  const std::string accel = variable("COVE_ACCEL");
  if (accel == "kvm") options.accel = Accel::kKvm;
  if (accel == "tcg") options.accel = Accel::kTcg;
  return find_qemu({{}, Deadline::after(std::chrono::seconds(60))}, options);
}

Result<Backend> make_backend(const VmDirectory& directory, const VmConfig& config) {
  if (variable("COVE_BACKEND") == "fake") return make_fake(directory);
  QemuHost host = COVE_TRY(look_for_qemu(directory.home(), config.arch));
  std::string reason = host.accel_reason;
  return Backend{make_qemu_hypervisor(std::move(host)), std::move(reason), GreetingOptions::Depth::kFull};
}

Result<std::vector<std::string>> machine_types(const std::vector<std::string>& words) {
  if (words.size() != 5 || words[1] != "-home" || words[3] != "-arch") {
    return Error(Code::kInvalidArgument, "machine-types needs -home and -arch");
  }
  const auto arch = arch_from(words[4]);
  if (!arch) return Error(Code::kInvalidArgument, "unknown arch: " + words[4]);
  if (variable("COVE_BACKEND") == "fake") return make_fake_hypervisor({})->machine_types(*arch);
  return COVE_TRY(look_for_qemu(Home(words[2]), *arch)).machine_types;
}

int print_machine_types(const std::vector<std::string>& words) {
  const auto types = machine_types(words);
  if (!types.ok()) {
    std::fprintf(stderr, "%s\n", types.error().message().c_str());
    return 1;
  }
  for (const auto& type : *types) std::printf("%s\n", type.c_str());
  return 0;
}

Result<MachinePaths> locate_files(const VmDirectory& directory, const VmConfig& config) {
  const Home& home = directory.home();
  MachinePaths paths;
  paths.root_disk = COVE_TRY(DiskNodes(home.root()).path_of(config.root_disk)).string();
  paths.nvram = directory.nvram().string();
  paths.ram = directory.ram_path().string();
  if (variable("COVE_BACKEND") == "fake") return paths;
  const auto image = COVE_TRY(ImageCache(home.root()).find_digest(config.image_digest));
  if (!image) {
    if (config.boot != BootMode::kKernel) return paths;
    return Error(Code::kNotFound, "the image of this vm is not in the cache: " + config.image)
        .hint("build it again: cove image build " + config.image);
  }
  paths.kernel = image->kernel().string();
  paths.initrd = image->initrd().string();
  paths.cmdline =
      image->manifest.command_line + " " + kernel_arguments(directory.name().str(), config.machine_id);
  return paths;
}

std::function<void(std::string_view)> kill_hook() {
  const std::string at = variable("COVE_TEST_KILL_AT");
  if (at.empty()) return nullptr;
  return [at](std::string_view step) {
    if (step == at) ::kill(::getpid(), SIGKILL);
  };
}

// What this VM ends with: the pipe of whoever started it in the foreground; in tests, the process of the
// test.
Result<UniqueFd> lifetime_of(const Arguments& arguments) {
  if (arguments.lifetime_fd >= 0) return UniqueFd(arguments.lifetime_fd);
  const std::string owner = variable("COVE_TEST_OWNER");
  if (owner.empty() || variable("COVE_BACKEND") != "fake") return UniqueFd();
  const auto pid = parse_u64(owner);
  if (!pid || *pid > INT_MAX) return Error(Code::kInvalidArgument, "COVE_TEST_OWNER is no process: " + owner);
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(*pid), 0)));
  if (!process) return Error::from_errno(errno, "the test that owns this vm, process " + owner);
  return process;
}

// Raises the process's limit of descriptors to what its two sockets want, as far as the system lets it.
std::size_t max_connections() {
  constexpr rlim_t kWanted = 20000;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections_within(0);
  const rlim_t raised = std::min(kWanted, limit.rlim_max);
  if (limit.rlim_cur < raised) {
    const rlimit wish{raised, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &wish) == 0) limit.rlim_cur = raised;
  }
  return connections_within(limit.rlim_cur);
}

Result<void> supervise(Arguments arguments, ReadyReporter& reporter) {
  const Home home(arguments.home);
  const VmDirectory directory(home, COVE_TRY(VmName::parse(arguments.vm)));
  if (!directory.exists()) return Error(Code::kNotFound, "no such vm: " + arguments.vm);
  const LogLevel level = variable("COVE_LOG") == "debug" ? LogLevel::kDebug : LogLevel::kInfo;
  COVE_TRY(log_to_file(directory.supervisor_log(), level));
  reporter.step("looking at the host");
  const Backend backend = COVE_TRY(make_backend(directory, COVE_TRY(directory.load_config())));
  const SupervisorParts parts{
      *backend.hypervisor,
      [](GuestChannel& channel) { return make_rpc_agent_client(connect_through(channel), COVE_VERSION); },
      [&directory](const VmConfig& config) { return locate_files(directory, config); },
      backend.accelerator_reason,
      backend.greeting,
      COVE_VERSION,
      kill_hook()};
  SupervisorOptions options{directory, std::move(arguments.forwards), COVE_TRY(lifetime_of(arguments))};
  options.max_connections = max_connections();
  options.beginning = arguments.beginning;
  log_info("supervisor starts", {{"vm", arguments.vm}, {"version", COVE_VERSION}});
  auto outcome = Supervisor::run(std::move(options), parts, reporter);
  log_info("supervisor ends", {{"outcome", outcome.ok() ? "stopped" : outcome.error().message()}});
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  cove::open_standard_streams();
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(0077);
  rpc::route_message_log();
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "machine-types") return print_machine_types(words);
  auto arguments = parse_arguments(words);
  if (!arguments.ok()) {
    std::fprintf(stderr, "cove-vm: %s\n", arguments.error().message().c_str());
    return 2;
  }
  ReadyReporter reporter{UniqueFd(arguments->ready_fd)};
  const auto outcome = supervise(std::move(arguments).value(), reporter);
  reporter.finish(outcome);
  return outcome.ok() ? 0 : 1;
}
