#include "supervisor/state_return.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/files.h"
#include "base/log.h"
#include "hypervisor/state_capture.h"
#include "model/object_id.h"
#include "state/memory_layers.h"
#include "supervisor/device_files.h"

namespace cove {
namespace {

// "qemu 7.2.22" -> "qemu 7.2": what has to be the same for a state to be loaded.
std::string_view engine_series(std::string_view engine) {
  const auto minor = engine.find('.');
  return engine.substr(0, minor == std::string_view::npos ? minor : engine.find('.', minor + 1));
}

}  // namespace

StateReturn::~StateReturn() = default;

Result<std::unique_ptr<StateReturn>> StateReturn::prepare(Options options) {
  const auto& store = options.holdings.store();
  auto state = COVE_TRY(store.load(options.record.state).context("the saved state cannot be used"));
  if (state.kind != StateKind::kFull || state.disks.empty())
    return Error(Code::kInvalidArgument, "state " + state.id + " has no memory to go on from");
  COVE_TRY(store.check(state).context("the saved state cannot be used"));
  auto index = COVE_TRY(store.page_index(state));
  std::unique_ptr<StateReturn> self(new StateReturn(std::move(options), std::move(state), std::move(index)));
  COVE_TRY(self->check_engine());
  self->differences_ = self->state_.machine->differences(self->make_spec({}));
  self->devices_.blob = COVE_TRY(store.read(self->state_, kDeviceStateFile));
  self->devices_.video = COVE_TRY(parse_video(COVE_TRY(store.read(self->state_, kVideoFile))));
  COVE_TRY(self->claim());
  return self;
}

Result<void> StateReturn::check_engine() const {
  const auto& name = options_.holdings.directory().name().str();
  const auto cannot = [&name](std::string why) {
    return Error(Code::kFailedPrecondition, "the saved state cannot be loaded here: " + std::move(why))
        .hint("boot the VM cold; the state is kept as a snapshot: cove run -no-resume " + name);
  };
  if (engine_series(state_.engine) != engine_series(options_.engine))
    return cannot("it was saved by " + state_.engine + ", this host has " + options_.engine);
  const auto& saved = *state_.machine;
  if (saved.arch != options_.planned.arch)
    return cannot("it is of a " + std::string(to_string(saved.arch)) + " machine");
  if (saved.accel != options_.planned.accel) {
    return cannot("it was saved with " + std::string(to_string(saved.accel)) + ", this host runs VMs with " +
                  std::string(to_string(options_.planned.accel)));
  }
  return {};
}

// What is in use from now on, and the disk's next layer.
Result<void> StateReturn::claim() {
  VmHoldings& holdings = options_.holdings;
  PendingIds ids = COVE_TRY(holdings.store().layers_of(state_));
  overlay_ = new_object_id();
  ids.insert({state_.id, overlay_});
  for (const auto& disk : state_.disks) ids.insert(disk.node);
  COVE_TRY(holdings.speak_for(ids));
  COVE_TRY(holdings.speak_for_chain(state_.disks.front().node));
  options_.step("state spoken for");
  COVE_TRY(holdings.make_overlay(state_.disks.front().node, overlay_, options_.disk_bytes));
  options_.step("next layer made");
  if (!state_.files.contains(std::string(kNvramFile))) return {};
  const auto variables = COVE_TRY(holdings.store().read(state_, kNvramFile));
  return write_file_atomic(holdings.directory().nvram(), variables, 0600);
}

// Where engines run on it already, they share its pages.
Result<UniqueFd> StateReturn::open_memory() const {
  const auto& layer = state_.memory->layer;
  auto hot = open_file(hot_layer_path(layer), O_RDWR | O_NOFOLLOW);
  if (hot.ok() && ::flock(hot->get(), LOCK_SH | LOCK_NB) == 0) return hot;
  return open_file(options_.holdings.store().full_layer(layer), O_RDWR);
}

// The saved machine with the files of now: what belongs to the host, and what a guest reads at its next boot.
MachineSpec StateReturn::make_spec(const std::string& disk) const {
  MachineSpec spec = *state_.machine;
  const MachineSpec& planned = options_.planned;
  if (spec.boot.mode == planned.boot.mode) spec.boot = planned.boot;
  spec.system_uuid = planned.system_uuid;
  spec.ram_path = planned.ram_path;
  const DeviceSpec* nic = planned.find(DeviceKind::kNic);
  for (auto& device : spec.devices) {
    if (!disk.empty() && device.id == state_.disks.front().device) device.path = disk;
    if (device.kind == DeviceKind::kNic && nic != nullptr) device.mac = nic->mac;
  }
  return spec;
}

Result<PowerOrigin> StateReturn::origin() {
  VmHoldings& holdings = options_.holdings;
  auto memory = COVE_TRY(open_memory().context("opening the saved memory"));
  COVE_TRY(holdings.set_base(state_.memory->layer, COVE_TRY(duplicate(memory.get()))));
  const auto disk = COVE_TRY(holdings.disk_path(overlay_));
  PowerOrigin origin{.spec = make_spec(disk.string()), .memory = std::move(memory)};
  const bool forked = options_.record.origin == SuspendRecord::Origin::kFork;
  origin.arrival = forked ? Arrival::kForked : Arrival::kReturned;
  origin.fill_memory = [this](std::shared_ptr<GuestMemory> guest, Done<void> done) {
    fill(std::move(guest), std::move(done));
  };
  origin.devices = [this] { return std::move(devices_); };
  return origin;
}

// Not on the loop: it may take a millisecond for each MiB, and the VM's status is asked for meanwhile.
void StateReturn::fill(std::shared_ptr<GuestMemory> memory, Done<void> done) {
  filler_ = Thread("state-return", [this, memory = std::move(memory), done = std::move(done)] {
    auto written = write_pages(*memory);
    options_.loop.post([written = std::move(written), done] { done(written); });
  });
}

Result<void> StateReturn::write_pages(GuestMemory& memory) const {
  const auto& store = options_.holdings.store();
  return read_indexed_pages(
             index_,
             [&store](const std::string& layer) { return open_file(store.page_layer(layer), O_RDONLY); },
             [&memory](std::uint32_t page, std::string_view bytes) { return memory.write(page, bytes); })
      .context("the saved state cannot be used");
}

std::vector<std::string> StateReturn::facts_at_save() const {
  std::vector<std::string> facts;
  for (const auto& name : state_.guest.get("facts").items()) facts.push_back(name.as_string());
  return facts;
}

std::string StateReturn::saved_mac() const {
  const DeviceSpec* nic = state_.machine->find(DeviceKind::kNic);
  return nic == nullptr ? std::string() : nic->mac;
}

Result<void> StateReturn::commit() {
  VmHoldings& holdings = options_.holdings;
  const VmDirectory& directory = holdings.directory();
  auto config = COVE_TRY(directory.load_config());
  config.root_disk = overlay_;
  COVE_TRY(directory.save_config(config));
  holdings.set_root_disk(overlay_);
  options_.step("disk named");
  if (!options_.record.snapshot.empty()) {
    auto tree = COVE_TRY(directory.load_snapshots());
    // Somebody may have deleted it since the machine was started.
    if (tree.set_current(options_.record.snapshot).ok()) COVE_TRY(directory.save_snapshots(tree));
    options_.step("snapshot is current");
  }
  COVE_TRY(directory.clear_suspend());
  options_.step("no longer suspended");
  holdings.set_last(state_.id, std::move(index_));
  holdings.settle();
  return {};
}

}  // namespace cove
