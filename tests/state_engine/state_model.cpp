#include "state_model.h"

#include <algorithm>

#include "base/strings.h"
#include "state_model_checks.h"

namespace cove::state_test {
namespace {

constexpr std::size_t kMostVms = 4;
constexpr std::size_t kMostSnapshots = 8;

// Steps of the supervisor at which one that is a process may be killed.
constexpr const char* kKillSteps[] = {"locked",
                                      "state spoken for",
                                      "next layer made",
                                      "state claimed",
                                      "session begun",
                                      "listening",
                                      "machine made",
                                      "disk named",
                                      "snapshot is current",
                                      "no longer suspended",
                                      "running",
                                      "spoken for",
                                      "overlay made",
                                      "overlay named",
                                      "the guest stands still",
                                      "the other engine has the state",
                                      "captured",
                                      "base durable",
                                      "pages durable",
                                      "files written",
                                      "state written",
                                      "snapshot named",
                                      "suspended",
                                      "snapshot unnamed",
                                      "machine ended",
                                      "sockets closed",
                                      "session ended",
                                      "kept aside",
                                      "tidied"};

}  // namespace

StateModel::StateModel(const std::filesystem::path& parent) : world_(parent) {
  COVE_CHECK(world_.make_vm("v").ok());
  vms_["v"] = {};
}

std::uint32_t StateModel::draw(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

std::optional<std::string> StateModel::some_snapshot(std::optional<SnapshotKind> kind) {
  std::vector<std::string> names;
  for (const auto& [name, state] : it().snapshots) {
    if (!kind || state.kind == *kind) names.push_back(name);
  }
  if (names.empty()) return std::nullopt;
  return names[draw(static_cast<std::uint32_t>(names.size()))];
}

std::vector<StateModel::Choice> StateModel::choices() const {
  const bool few = vms_.size() < kMostVms;
  const bool snapshots = !it().snapshots.empty();
  std::vector<Choice> all{{"sweep", &StateModel::sweep, 1}};
  if (it().runs()) {
    all.insert(all.end(), {{"write disk", &StateModel::write_disk, 4},
                           {"pause or resume", &StateModel::pause_or_resume, 1},
                           {"suspend", &StateModel::suspend, 3},
                           {"stop", &StateModel::stop, 1}});
    if (it().state == MachineState::kRunning) all.push_back({"poke", &StateModel::poke, 5});
    if (it().snapshots.size() < kMostSnapshots)
      all.insert(all.end(), {{"save snapshot", &StateModel::save_snapshot, 4},
                             {"save disk", &StateModel::save_disk, 2}});
    if (it().place == VmWorld::Start::Place::kProcess) all.push_back({"kill", &StateModel::kill, 1});
    if (few) all.push_back({"fork running", &StateModel::fork_running, 2});
  } else {
    all.insert(all.end(), {{"start", &StateModel::start, 8}});
    if (it().suspension) {
      all.push_back({"start cold", &StateModel::start_cold, 2});
      all.push_back({"name suspended", &StateModel::name_suspended, 1});
    } else {
      all.push_back({"save stopped", &StateModel::save_stopped, 1});
      if (few) all.push_back({"clone", &StateModel::clone, 3});
    }
    if (snapshots) all.push_back({"restore disk", &StateModel::restore_disk, 1});
    if (vms_.size() > 1) all.push_back({"remove vm", &StateModel::remove_vm, 1});
  }
  if (snapshots) {
    all.insert(all.end(), {{"restore", &StateModel::restore, 3},
                           {"remove snapshot", &StateModel::remove_snapshot, 2},
                           {"probe", &StateModel::probe, 3}});
    if (few) all.push_back({"fork snapshot", &StateModel::fork_snapshot, 2});
  }
  return all;
}

Result<void> StateModel::step(std::uint32_t seed) {
  random_.seed(seed);
  auto turn = vms_.begin();
  std::advance(turn, draw(static_cast<std::uint32_t>(vms_.size())));
  name_ = turn->first;
  const auto all = choices();
  int total = 0;
  for (const auto& choice : all) total += choice.weight;
  auto drawn = static_cast<int>(draw(static_cast<std::uint32_t>(total)));
  std::size_t at = 0;
  while (drawn >= all[at].weight) drawn -= all[at++].weight;
  history_ += std::string(all[at].name) + " " + name_;
  ++counts_[all[at].name];
  auto done = (this->*all[at].op)().context(std::string(all[at].name) + " of " + name_);
  history_ += "\n";
  COVE_TRY(done);
  for (const auto& [name, vm] : vms_) COVE_TRY(check_vm(name).context("then vm " + name));
  return {};
}

Result<void> StateModel::finish() {
  while (!vms_.empty()) {
    name_ = vms_.begin()->first;
    if (it().runs()) COVE_TRY(stop());
    COVE_TRY(remove_vm());
  }
  COVE_TRY(world_.sweep());
  return world_.expect_empty();
}

// --- what has to be true ---

Result<void> StateModel::check_vm(const std::string& name) {
  const ModelVm& vm = vms_.at(name);
  const auto seen = world_.vm(name).observe();
  // Some steps come when nobody waits for them.
  if (vm.doomed && vm.runs() && !seen.holder) {
    name_ = name;
    COVE_TRY(find_out_after_death({}));
  }
  COVE_TRY(expect_equal("state", to_string(seen.state), to_string(vm.state)));
  COVE_TRY(world_.check_states(name));
  const auto tree = COVE_TRY(world_.vm(name).load_snapshots());
  COVE_TRY(expect_equal("snapshots", describe_tree(tree), describe_tree(vm.snapshots)));
  const bool moved = vm.suspension && vm.suspension->tried && tree.current() == vm.suspension->going;
  if (!moved) COVE_TRY(expect_equal("current snapshot", tree.current(), vm.current));
  const auto record = COVE_TRY(world_.vm(name).load_suspend());
  COVE_TRY(expect_equal("suspension", record ? to_string(record->origin) : "none",
                        vm.suspension ? to_string(vm.suspension->origin) : "none"));
  if (record) {
    COVE_TRY(expect_equal("snapshot it is restored from", record->snapshot, vm.suspension->going));
  }
  return {};
}

Result<void> StateModel::look_again() {
  const auto seen = COVE_TRY(world_.look(name_));
  COVE_TRY(expect_equal("memory", seen.memory.to_text(), it().memory.to_text()));
  const auto config = COVE_TRY(world_.vm(name_).load_config());
  COVE_TRY(expect_equal("disk in use", seen.disk.filename().string(), config.root_disk));
  return world_.expect_disk(config.root_disk, it().disk);
}

void StateModel::add_snapshot(const std::string& name, ModelState state) {
  state.parent = it().current;
  it().snapshots[name] = std::move(state);
  it().current = name;
}

void StateModel::drop_snapshot(const std::string& name) {
  ModelVm& vm = it();
  const auto parent = vm.snapshots.at(name).parent;
  vm.snapshots.erase(name);
  for (auto& [other, state] : vm.snapshots) {
    if (state.parent == name) state.parent = parent;
  }
  if (vm.current == name) vm.current = parent;
}

// --- starts ---

Result<void> StateModel::start() {
  VmWorld::Start how;
  if (chance(4)) {
    how.place = VmWorld::Start::Place::kProcess;
    if (!chance(4)) how.kill_at = kKillSteps[draw(std::size(kKillSteps))];
    history_ += " as a process" + (how.kill_at.empty() ? "" : " killed at \"" + how.kill_at + "\"");
  }
  return start_with(how);
}

Result<void> StateModel::start_cold() {
  const bool forked = it().suspension->origin == SuspendRecord::Origin::kFork;
  auto started = world_.start(name_, {.place = VmWorld::Start::Place::kThread, .kill_at = {}, .cold = true});
  if (forked) return expect_code(started, Code::kFailedPrecondition);
  COVE_TRY(started);
  const auto was = *it().suspension;
  it().suspension.reset();
  if (was.origin == SuspendRecord::Origin::kSuspend) {
    add_snapshot(COVE_TRY(find_snapshot_kept_aside()), was.from);
    it().disk = was.from.disk;
  } else if (was.tried) {
    COVE_TRY(find_disk_of({it().disk, was.from.disk}));
  }
  it().current = COVE_TRY(world_.vm(name_).load_snapshots()).current();
  it().state = MachineState::kRunning;
  it().place = VmWorld::Start::Place::kThread;
  it().doomed = false;
  const auto seen = COVE_TRY(world_.look(name_));
  if (!seen.memory.pages.empty()) return model_error("a cold boot has the pages of " + seen.memory.to_text());
  it().memory = seen.memory;
  return look_again();
}

// What the VM was suspended with has a name that the supervisor chose.
Result<std::string> StateModel::find_snapshot_kept_aside() {
  const auto tree = COVE_TRY(world_.vm(name_).load_snapshots());
  for (const auto& snapshot : tree.all()) {
    if (it().snapshots.count(snapshot.name) != 0) continue;
    if (!snapshot.name.starts_with("suspended-")) return model_error("who made " + snapshot.name + "?");
    return snapshot.name;
  }
  return model_error("the state was not kept aside");
}

Result<void> StateModel::find_disk_of(const std::vector<DiskBytes>& candidates) {
  const auto node = COVE_TRY(world_.vm(name_).load_config()).root_disk;
  Result<void> last;
  for (const auto& bytes : candidates) {
    last = world_.expect_disk(node, bytes);
    if (!last.ok()) continue;
    it().disk = bytes;
    return {};
  }
  return last;
}

Result<void> StateModel::start_with(VmWorld::Start how) {
  const bool may_die = !how.kill_at.empty();
  it().doomed = may_die;
  auto started = world_.start(name_, how);
  if (!started.ok() && may_die) return died_starting();
  COVE_TRY(started);
  it().place = how.place;
  const bool gone_by_now = may_die && !world_.call(name_, "ping").ok();
  if (gone_by_now) return died_starting();
  return went_on();
}

Result<void> StateModel::went_on() {
  ModelVm& vm = it();
  if (vm.suspension) {
    vm.memory = vm.suspension->from.memory;
    vm.disk = vm.suspension->from.disk;
    if (!vm.suspension->going.empty()) vm.current = vm.suspension->going;
    vm.suspension.reset();
  } else {
    const auto seen = world_.look(name_);
    if (!seen.ok() && vm.doomed) return died_starting();
    if (!COVE_TRY(seen).memory.pages.empty()) return model_error("it booted with pages");
    vm.memory = seen->memory;
  }
  vm.state = MachineState::kRunning;
  auto looked = look_again();
  return looked.ok() ? looked : find_out_after_death(looked);
}

// Suspended as before, or over: what of these is right at which step, the tests of kill points tell.
Result<void> StateModel::died_starting() {
  const auto seen = world_.after_end(name_);
  ModelVm& vm = it();
  if (vm.suspension && seen.state == MachineState::kSuspended) {
    vm.suspension->tried = true;
    return {};
  }
  if (seen.state != MachineState::kCrashed && seen.state != vm.state)
    return model_error("it died starting and is " + std::string(to_string(seen.state)));
  if (vm.suspension) {
    vm.disk = vm.suspension->from.disk;
    if (!vm.suspension->going.empty()) vm.current = vm.suspension->going;
    vm.suspension.reset();
  }
  vm.state = seen.state;
  const auto node = COVE_TRY(world_.vm(name_).load_config()).root_disk;
  return world_.expect_disk(node, vm.disk);
}

// A process that was to be killed some time has been, if that is why it did not answer.
Result<void> StateModel::find_out_after_death(Result<void> why) {
  ModelVm& vm = it();
  if (!vm.doomed) return why;
  const auto seen = world_.after_end(name_);
  COVE_TRY(expect_equal("state after its death", to_string(seen.state), to_string(MachineState::kCrashed)));
  vm.state = MachineState::kCrashed;
  history_ += " (died)";
  return world_.expect_disk(COVE_TRY(world_.vm(name_).load_config()).root_disk, vm.disk);
}

}  // namespace cove::state_test
