// The supervisor's first part: from its files to everything that a machine needs before it is started.
#include <algorithm>

#include "agent/ssh_host_keys.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "supervisor/supervisor.h"

namespace cove {
namespace {

Result<ForwardSpec> open_forward(UserNetwork& network, const PortForward& forward) {
  return network.add_forward({forward.host_address, forward.host_port, forward.guest_port})
      .context("forward " + std::to_string(forward.host_port) + ":" + std::to_string(forward.guest_port));
}

// "suspended-2026-11-23T20.15.02Z": a name that no snapshot has.
std::string aside_name(const SnapshotTree& tree, const SuspendRecord& record) {
  std::string stamp = record.suspended_at;
  std::replace(stamp.begin(), stamp.end(), ':', '.');
  const std::string first = "suspended-" + stamp;
  std::string name = first;
  for (int i = 2; tree.find(name) != nullptr; ++i) name = first + "-" + std::to_string(i);
  return name;
}

}  // namespace

Result<void> Supervisor::prepare() {
  const VmDirectory& directory = options_.directory;
  config_ = COVE_TRY(directory.load_config());
  if (!path_exists(directory.token_path())) COVE_TRY(directory.write_new_token());
  token_ = COVE_TRY(directory.load_token());
  COVE_TRY(pin_machine_type());
  const MachinePaths paths = COVE_TRY(parts_.locate_files(config_));
  const MachineSpec spec = COVE_TRY(parts_.hypervisor.plan(config_, paths));
  holdings_ = std::make_unique<VmHoldings>(directory, config_.root_disk);
  COVE_TRY(prepare_return(spec));
  COVE_TRY(directory.begin_session());
  session_ = true;
  step("session begun");
  COVE_TRY(start_network(spec));

  GreetingOptions greeting = make_greeting();
  facts_ = std::make_unique<FactBoard>(fact_names_for(greeting));
  relay_ = std::make_unique<LoopThread>("relay");
  ConsoleHub::Handlers handlers;
  handlers.on_first_output = [this] {
    if (!facts_->met(fact::kKernel)) facts_->meet(fact::kKernel, "the serial console has spoken");
  };
  handlers.on_panic = [this](const std::string& reason) {
    loop_->post([this, reason] { console_panicked(reason); });
  };
  console_ = COVE_TRY(ConsoleHub::create(relay_->loop(), directory.serial_log(), std::move(handlers)));
  agent_ = std::make_unique<AgentKeeper>(relay_->loop(), parts_.make_agent, std::move(greeting), *facts_,
                                         [this] { loop_->post([this] { agent_appeared(); }); });
  VmPower::Surroundings& surroundings = *this;
  power_ = std::make_unique<VmPower>(*loop_, parts_.hypervisor, spec, surroundings);
  channels_ = std::make_unique<MachineChannels>(*console_, *agent_, network_.get());
  make_keeper();
  return {};
}

void Supervisor::make_keeper() {
  const auto at_step = [this](std::string_view name) { step(name); };
  capture_ = std::make_unique<MachineCapture>(MachineCapture::Parts{.loop = *loop_,
                                                                    .hypervisor = parts_.hypervisor,
                                                                    .power = *power_,
                                                                    .channels = *channels_,
                                                                    .step = at_step,
                                                                    .ending = ending_.token()});
  const auto facts_met = [this] {
    std::vector<std::string> names;
    for (const auto& state : facts_->all()) {
      if (state.met) names.push_back(state.name);
    }
    return names;
  };
  keeper_ = std::make_unique<StateKeeper>(StateKeeper::Parts{.holdings = *holdings_,
                                                             .capture = *capture_,
                                                             .power = *power_,
                                                             .loop = *loop_,
                                                             .engine = parts_.hypervisor.engine(),
                                                             .cove_version = parts_.version,
                                                             .facts_met = facts_met,
                                                             .step = at_step});
}

// A suspended VM goes on from its state, unless it was asked to boot cold.
Result<void> Supervisor::prepare_return(const MachineSpec& planned) {
  const VmDirectory& directory = options_.directory;
  auto record = COVE_TRY(directory.load_suspend());
  const bool cold = options_.beginning == SupervisorOptions::Beginning::kCold;
  if (record && cold) COVE_TRY(keep_aside(*record));
  if (!record || cold) return holdings_->speak_for_chain(config_.root_disk);
  reporter_.step("reading the saved state");
  return_ = COVE_TRY(StateReturn::prepare({.holdings = *holdings_,
                                           .loop = *loop_,
                                           .record = std::move(*record),
                                           .planned = planned,
                                           .disk_bytes = config_.disk_bytes(),
                                           .engine = parts_.hypervisor.engine(),
                                           .step = [this](std::string_view name) { step(name); }}));
  for (const auto& line : return_->differences()) log_info("runs as it was saved", {{"differs", line}});
  step("state claimed");
  return {};
}

// Nothing is lost: what the VM was suspended with becomes a snapshot.
Result<void> Supervisor::keep_aside(const SuspendRecord& record) {
  const VmDirectory& directory = options_.directory;
  if (record.origin == SuspendRecord::Origin::kFork) {
    return Error(Code::kFailedPrecondition, "vm \"" + name().str() + "\" is a fork that has not run yet")
        .hint("let it go on first: cove run " + name().str());
  }
  if (record.origin == SuspendRecord::Origin::kSuspend) {
    auto tree = COVE_TRY(directory.load_snapshots());
    COVE_TRY(tree.add({.name = aside_name(tree, record),
                       .state = record.state,
                       .created_at = record.suspended_at,
                       .description = "what the vm was suspended with when it was booted cold"}));
    COVE_TRY(directory.save_snapshots(tree));
    step("kept aside");
  }
  return directory.clear_suspend();
}

void Supervisor::agent_appeared() {
  power_->agent_appeared();
  if (!config_.new_identity) return;
  config_.new_identity = false;
  const auto told = [this]() -> Result<void> {
    auto config = COVE_TRY(options_.directory.load_config());
    config.new_identity = false;
    return options_.directory.save_config(config);
  }();
  if (!told.ok()) log_warn("the identity will be told again", {{"reason", told.error().message()}});
}

GreetingOptions Supervisor::make_greeting() const {
  GreetingOptions greeting;
  greeting.hostname = name().str();
  greeting.user = config_.user;
  greeting.guest_address = guest_address_;
  greeting.depth = parts_.greeting;
  if (return_ != nullptr) greeting.facts_at_save = return_->facts_at_save();
  const bool forked = return_ != nullptr && return_->record().origin == SuspendRecord::Origin::kFork;
  if (!forked && !config_.new_identity) return greeting;
  greeting.machine_id = config_.machine_id;
  if (forked) greeting.old_mac = return_->saved_mac();
  if (forked) greeting.mac = config_.mac;
  greeting.make_host_keys = make_ssh_host_keys;
  return greeting;
}

// From its first start on a VM keeps its machine type: the guest, and every state saved of it, knows no
// other.
Result<void> Supervisor::pin_machine_type() {
  if (config_.machine_type.empty()) {
    config_.machine_type = parts_.hypervisor.default_machine_type(config_.arch);
    return options_.directory.save_config(config_).context("pinning the machine type");
  }
  const auto known = parts_.hypervisor.machine_types(config_.arch);
  if (std::find(known.begin(), known.end(), config_.machine_type) != known.end()) return {};
  return Error(Code::kFailedPrecondition, "vm \"" + name().str() + "\" is a machine of type " +
                                              config_.machine_type + ", which " +
                                              parts_.hypervisor.describe() + " does not have")
      .hint(
          "use an engine that has it, or let it become a new machine that keeps its disk: cove set -machine "
          "newest " +
          name().str());
}

Result<void> Supervisor::start_network(const MachineSpec& spec) {
  const DeviceSpec* nic = spec.find(DeviceKind::kNic);
  if (nic == nullptr) return {};
  UserNetworkOptions options;
  options.hostname = name().str();
  if (nic->mtu > 0) options.mtu = nic->mtu;
  network_ = COVE_TRY(UserNetwork::create(options).context("user network"));
  guest_address_ = network_->facts().guest_address;
  for (const auto& forward : config_.forwards) {
    const auto opened = open_forward(*network_, forward);
    if (opened.ok()) continue;
    return Error(opened.error().code(), opened.error().message())
        .hint("free that port, or lead another one there: cove set -no-forward " +
              std::to_string(forward.host_port) + " -forward " + std::to_string(forward.guest_port) + " " +
              name().str());
  }
  for (const auto& forward : options_.forwards) COVE_TRY(open_forward(*network_, forward));
  return {};
}

}  // namespace cove
