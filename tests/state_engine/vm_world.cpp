#include "vm_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <algorithm>
#include <cstdlib>

#include "agent/rpc_agent_client.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/process.h"
#include "base/strings.h"
#include "disk/disk_chain.h"
#include "disk/disk_nodes.h"
#include "hypervisor/fake/fake_hypervisor.h"
#include "supervisor/supervisor.h"

namespace cove::state_test {
namespace {

constexpr std::uint64_t kCluster = 65536;
constexpr std::string_view kLookEnd = " .\r\n";

OpContext soon() { return {{}, Deadline::after(std::chrono::seconds(60))}; }

Error wrong(const std::string& text) { return Error(Code::kInternal, text); }

// The sweep leaves new ones for a while, as they may be of another home: it takes them when nobody locks
// them.
Result<void> drop_hot_layer(const std::filesystem::path& path) {
  if (!path_exists(path)) return {};
  const auto file = COVE_TRY(open_file(path, O_RDONLY));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return wrong("somebody holds " + path.string());
  return remove_tree(path);
}

}  // namespace

std::string Memory::to_text() const {
  std::string text = serial;
  for (const auto& [page, word] : pages) text += " " + std::to_string(page) + "=" + word;
  return text;
}

Result<std::string> run_tool(std::vector<std::string> argv) {
  const std::string name = argv.front();
  SpawnOptions options;
  options.argv = std::move(argv);
  const auto output = COVE_TRY(run_command(soon(), std::move(options)));
  if (!output.status.success()) return wrong(name + ": " + output.out + output.err);
  return output.out;
}

// A supervisor, and all that it needs to outlive.
struct VmWorld::Running {
  std::unique_ptr<Hypervisor> hypervisor{};
  std::unique_ptr<SupervisorParts> parts{};
  Thread thread{};
  std::optional<LaunchedVm> process{};
};

VmWorld::VmWorld(const std::filesystem::path& parent)
    : folder_(TempDir::create(parent, "cove-world").value()), home_(folder_.path() / "home") {
  ::setenv("COVE_BACKEND", "fake", 1);
  ::setenv("COVE_FAKE", R"({"agent":false})", 1);
  COVE_CHECK(home_.create().ok());
  COVE_CHECK(make_directories(home_.disk_nodes()).ok());
}

VmWorld::~VmWorld() {
  while (!running_.empty()) static_cast<void>(stop(std::string(running_.begin()->first)));
}

Result<void> VmWorld::make_vm(const std::string& name) {
  COVE_TRY(registry().create(VmName::parse(name).value()));
  VmConfig config;
  config.root_disk = new_object_id();
  config.network = NetworkMode::kNone;
  config.mac = random_mac();
  const VmDirectory directory = vm(name);
  COVE_TRY(directory.save_config(config));
  COVE_TRY(DiskImage::create(home_.disk_node(config.root_disk), DiskFormat::kQcow2, config.disk_bytes()));
  return directory.clear_creating();
}

// --- supervisors ---

Result<void> VmWorld::start(const std::string& name, const Start& how) {
  auto run = std::make_unique<Running>();
  auto started =
      how.place == Start::Place::kThread ? start_thread(name, how, *run) : start_process(name, how, *run);
  if (started.ok()) running_[name] = std::move(run);
  return started;
}

Result<void> VmWorld::start_thread(const std::string& name, const Start& how, Running& run) {
  FakeOptions fake;
  fake.has_agent = false;
  run.hypervisor = make_fake_hypervisor(fake);
  const VmDirectory directory = vm(name);
  run.parts = std::make_unique<SupervisorParts>(SupervisorParts{
      .hypervisor = *run.hypervisor,
      .make_agent =
          [](GuestChannel& channel) { return make_rpc_agent_client(connect_through(channel), "test"); },
      .locate_files = [directory](const VmConfig& config) -> Result<MachinePaths> {
        MachinePaths paths;
        paths.root_disk = directory.home().disk_node(config.root_disk).string();
        paths.nvram = directory.nvram().string();
        paths.ram = directory.ram_path().string();
        return paths;
      },
      .accelerator_reason = {},
      .greeting = GreetingOptions::Depth::kHelloOnly,
      .version = "test",
      .at_step =
          [this](std::string_view step) {
            steps_.with([step](auto& steps) { steps.emplace_back(step); });
            if (on_step_) on_step_(step);
          }});
  auto [mine, its] = COVE_TRY(make_pipe());
  auto pipe = std::make_shared<UniqueFd>(std::move(its));
  const auto beginning =
      how.cold ? SupervisorOptions::Beginning::kCold : SupervisorOptions::Beginning::kAsItWas;
  run.thread = Thread("supervisor", [directory, pipe, beginning, &parts = *run.parts] {
    ReadyReporter reporter(std::move(*pipe));
    SupervisorOptions options{directory, {}, {}};
    options.beginning = beginning;
    static_cast<void>(Supervisor::run(std::move(options), parts, reporter));
  });
  NoProgress quiet;
  auto ready = read_ready(soon(), mine.get(), quiet);
  if (!ready.ok()) run.thread.join();
  return ready;
}

Result<void> VmWorld::start_process(const std::string& name, const Start& how, Running& run) const {
  NoProgress quiet;
  const std::string at = how.kill_at.empty() ? "never" : how.kill_at;
  ::setenv("COVE_TEST_KILL_AT", at.c_str(), 1);
  using Beginning = LaunchRequest::Beginning;
  run.process = COVE_TRY(launch_vm(soon(),
                                   {.program = COVE_VM_PROGRAM,
                                    .home = home_.root(),
                                    .vm = name,
                                    .log_file = vm(name).supervisor_log(),
                                    .forwards = {},
                                    .mode = LaunchRequest::Mode::kAttached,
                                    .beginning = how.cold ? Beginning::kCold : Beginning::kAsItWas},
                                   quiet));
  return {};
}

Result<void> VmWorld::stop(const std::string& name) {
  ControlRequest request;
  request.set_type("stop");
  request.mutable_stop()->set_mode("force");
  auto stopped = call(name, request);
  const auto seen = after_end(name);
  if (!stopped.ok() && !seen.holder) return std::move(stopped).error();
  return {};
}

Result<void> VmWorld::kill(const std::string& name) {
  const auto run = running_.find(name);
  if (run == running_.end() || !run->second->process) return wrong(name + " is no process");
  run->second->process->process.signal(SIGKILL);
  after_end(name);
  return {};
}

Observation VmWorld::after_end(const std::string& name) {
  if (const auto run = running_.find(name); run != running_.end()) {
    if (run->second->process) {
      constexpr auto kToDie = std::chrono::seconds(10);
      const auto ended = run->second->process->process.wait({{}, Deadline::after(kToDie)});
      if (!ended.ok()) return {.reason = "its supervisor has not ended: " + ended.error().message()};
    }
    running_.erase(run);  // joins its thread
  }
  // A process that was killed may be waited for before its last descriptors are closed.
  COVE_CHECK(vm(name).lock_waiting(soon(), "test").ok());
  return vm(name).observe();
}

std::vector<std::string> VmWorld::take_steps() {
  return steps_.with([](auto& steps) { return std::exchange(steps, {}); });
}

// --- what they are asked ---

Result<ControlResponse> VmWorld::call(const std::string& name, const ControlRequest& request) const {
  auto client = COVE_TRY(ControlClient::connect(soon(), vm(name)));
  return client.call(soon(), request);
}

Result<ControlResponse> VmWorld::call(const std::string& name, const std::string& verb) const {
  ControlRequest request;
  request.set_type(verb);
  return call(name, request);
}

Result<ControlResponse> VmWorld::snapshot(const std::string& name, const std::string& action,
                                          const std::string& snapshot) const {
  ControlRequest request;
  request.set_type("snapshot");
  request.mutable_snapshot()->set_action(action);
  request.mutable_snapshot()->set_name(snapshot);
  return call(name, request);
}

Result<ControlResponse> VmWorld::disk_snapshot(const std::string& name, const std::string& snapshot) const {
  ControlRequest request;
  request.set_type("disk-snapshot");
  request.mutable_disk_snapshot()->set_action("save");
  request.mutable_disk_snapshot()->set_name(snapshot);
  return call(name, request);
}

Result<void> VmWorld::point_at(const std::string& name, const std::string& snapshot) {
  if (running_.count(name) != 0) COVE_TRY(stop(name));
  const VmDirectory directory = vm(name);
  const auto lock = COVE_TRY(directory.lock("restore"));
  const auto tree = COVE_TRY(directory.load_snapshots());
  const Snapshot* found = tree.find(snapshot);
  if (found == nullptr) return Error(Code::kNotFound, snapshot);
  return directory.save_suspend({.state = found->state,
                                 .origin = SuspendRecord::Origin::kRestore,
                                 .snapshot = snapshot,
                                 .suspended_at = found->created_at});
}

// --- the guest ---

Result<std::string> VmWorld::talk(const std::string& name, const std::string& line,
                                  const std::string& until) const {
  const OpContext ctx = soon();
  auto client = COVE_TRY(ControlClient::connect(ctx, vm(name)));
  ControlRequest request;
  request.set_type("console-attach");
  COVE_TRY(client.call(ctx, request));
  RawStream stream = std::move(client).into_stream();
  COVE_TRY(write_all(ctx, stream.fd.get(), line + "\r"));
  std::string heard = stream.early;
  std::array<char, 4096> buffer;
  while (heard.find(until) == std::string::npos || !heard.ends_with(until.back())) {
    const auto count = COVE_TRY(read_some(ctx, stream.fd.get(), buffer));
    if (count == 0) return Error(Code::kUnavailable, "the console ended after: " + heard);
    heard.append(buffer.data(), count);
  }
  return heard;
}

Result<void> VmWorld::poke(const std::string& name, std::uint32_t page, const std::string& word) const {
  COVE_TRY(talk(name, "poke " + std::to_string(page) + " " + word, "\r\nP\r\n"));
  return {};
}

Result<VmWorld::Look> VmWorld::look(const std::string& name) const {
  const std::string token = "t" + hex_encode(random_bytes(6));
  const auto heard = COVE_TRY(talk(name, "look " + token, std::string(kLookEnd)));
  const std::string begin = "\r\n" + token + ": ";
  const auto at = heard.find(begin);
  if (at == std::string::npos) return wrong("look said: " + heard);
  const auto text = heard.substr(at + begin.size(), heard.find(kLookEnd, at) - at - begin.size());
  const auto words = split(text, ' ');
  Look seen{.memory = {.serial = std::string(words.at(0))}, .disk = std::string(words.at(1))};
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    const auto page = static_cast<std::uint32_t>(*parse_u64(words[i].substr(0, equals)));
    seen.memory.pages[page] = words[i].substr(equals + 1);
  }
  return seen;
}

Result<void> VmWorld::write_disk(const std::string& name, std::uint32_t cluster, std::uint8_t byte) const {
  const auto chain = COVE_TRY(chain_of(DiskNodes(home_.root()), COVE_TRY(vm(name).load_config()).root_disk));
  const auto seen = COVE_TRY(look(name));
  const auto at = std::find(chain.begin(), chain.end(), seen.disk.filename().string());
  if (at == chain.end() || at - chain.begin() > 1)
    return wrong("config.json names " + chain.front() + ", the guest writes to " + seen.disk.string());
  COVE_TRY(
      run_tool({"qemu-io", "-f", "qcow2", "-c",
                "write -q -P " + std::to_string(byte) + " " + std::to_string(cluster * kCluster) + " 64k",
                seen.disk.string()}));
  return {};
}

Result<void> VmWorld::expect_disk(const std::string& node, const DiskBytes& bytes) const {
  std::vector<std::string> argv{"qemu-io", "-r", "-U", "-f", "qcow2"};
  for (std::uint32_t cluster = 0; cluster < kDiskClusters; ++cluster) {
    const auto found = bytes.find(cluster);
    const int byte = found == bytes.end() ? 0 : found->second;
    argv.insert(argv.end(), {"-c", "read -q -P " + std::to_string(byte) + " " +
                                       std::to_string(cluster * kCluster) + " 64k"});
  }
  argv.push_back(home_.disk_node(node).string());
  const auto said = COVE_TRY(run_tool(std::move(argv)));
  if (!said.empty()) return wrong("disk " + node + " reads otherwise: " + said);
  return {};
}

// --- the store ---

Result<void> VmWorld::check_states(const std::string& name) {
  const auto pending = COVE_TRY(vm(name).load_pending());
  spoken_for_.insert(pending.begin(), pending.end());
  const auto check = [this](const std::string& id) -> Result<void> {
    const auto state = COVE_TRY(store().load(id));
    COVE_TRY(store().check(state));
    for (const auto& disk : state.disks) COVE_TRY(DiskNodes(home_.root()).open(disk.node));
    return {};
  };
  const auto tree = COVE_TRY(vm(name).load_snapshots());
  for (const auto& snapshot : tree.all())
    COVE_TRY(check(snapshot.state).context("snapshot " + snapshot.name));
  const auto suspended = COVE_TRY(vm(name).load_suspend());
  if (suspended) COVE_TRY(check(suspended->state).context("what " + name + " is suspended with"));
  return {};
}

std::vector<std::string> VmWorld::store_files() const {
  const auto store = home_.root() / "store";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    const auto name = std::filesystem::relative(entry.path(), store).string();
    if (!entry.is_directory() && !name.ends_with("lock")) files.push_back(name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<void> VmWorld::expect_empty() const {
  if (const auto files = store_files(); !files.empty())
    return wrong("left in the store: " + join(files, " "));
  for (const auto& id : spoken_for_) COVE_TRY(drop_hot_layer(hot_layer_path(id)));
  return {};
}

}  // namespace cove::state_test
