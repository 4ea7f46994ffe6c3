#include "supervisor/state_commands.h"

#include "model/vm_name.h"
#include "proto/control.pb.h"
#include "proto/control_json.h"
#include "supervisor/status_report.h"

namespace cove {
namespace {

using vz::control::v1::DiskSnapshotCommand;
using vz::control::v1::SnapshotCommand;

Result<ControlResponse> saved_response(const std::string& text, const SavedState& saved) {
  ControlResponse response = message_response(text);
  auto& told = *response.mutable_saved();
  told.set_id(saved.id);
  told.set_stood_still_us(static_cast<std::uint64_t>(saved.stood_still.count()));
  told.set_changed_bytes(saved.changed_bytes);
  return response;
}

Result<ControlResponse> action_response(const std::string& text) {
  ControlResponse response;
  response.set_data(text);
  response.mutable_snapshot_action()->set_message(text);
  return response;
}

Result<ControlResponse> list_snapshots(const Supervisor& supervisor) {
  const auto tree = COVE_TRY(supervisor.directory().load_snapshots());
  ControlResponse response;
  auto& list = *response.mutable_snapshot_list();
  Json data = Json::array();
  // The newest first, as the protocol has it.
  for (auto snapshot = tree.all().rbegin(); snapshot != tree.all().rend(); ++snapshot) {
    auto& info = *list.add_snapshots();
    info.set_name(snapshot->name);
    info.set_created(snapshot->created_at);
    info.set_vm_state("paused");
    data.push_back(
        Json::object({{"name", snapshot->name}, {"created", snapshot->created_at}, {"vmState", "paused"}}));
  }
  response.set_data(tree.all().empty() ? "null" : data.dump());
  return response;
}

Result<ControlResponse> serve_snapshot(Supervisor& supervisor, const SnapshotCommand& command) {
  const std::string& action = command.action();
  if (action == "list") return list_snapshots(supervisor);
  if (action != "save" && action != "restore" && action != "delete")
    return Error(Code::kInvalidArgument, "unknown snapshot action: " + action);
  if (command.name().empty()) return Error(Code::kInvalidArgument, "snapshot name required");
  COVE_TRY(VmName::parse(command.name()).context("snapshot"));
  if (action == "save") {
    NoProgress progress;
    const auto saved = COVE_TRY(supervisor.states().save(
        {.kind = SaveRequest::Kind::kSnapshot, .name = command.name(), .description = command.description()},
        progress));
    supervisor.agent().set_clock_soon();
    auto response = COVE_TRY(saved_response("snapshot '" + command.name() + "' saved", saved));
    response.mutable_snapshot_action()->set_message(response.data());
    return response;
  }
  if (action == "delete") {
    COVE_TRY(supervisor.states().remove_snapshot(command.name()));
    return action_response("snapshot '" + command.name() + "' deleted");
  }
  return Error(Code::kFailedPrecondition, "the vm runs; its machine is another one after a restore")
      .hint("cove snapshot restore " + command.name() + " -vm " + supervisor.name().str());
}

// The guest's file systems, held at rest while its disks are taken.
class FrozenGuest {
 public:
  FrozenGuest(GuestAgentClient& agent, std::chrono::milliseconds limit) : agent_(agent), limit_(limit) {}
  FrozenGuest(const FrozenGuest&) = delete;
  FrozenGuest& operator=(const FrozenGuest&) = delete;
  ~FrozenGuest() {
    if (frozen_) static_cast<void>(thaw());
  }

  void freeze() {
    const OpContext ctx{{}, Deadline::after(limit_ + kSlack)};
    const auto items = agent_.freeze_filesystems(ctx, limit_);
    frozen_ = items.ok();
    if (!items.ok()) why_not_ = items.error().message();
    if (!items.ok()) return;
    for (const auto& item : *items) {
      if (item.end == ItemOutcome::End::kFailed) why_not_ = item.item + ": " + item.detail;
    }
  }
  // Whether all of them were at rest until now.
  DiskQuiet thaw() {
    if (!std::exchange(frozen_, false)) return DiskQuiet::kCrashConsistent;
    const auto thawed = agent_.thaw_filesystems({{}, Deadline::after(kSlack)});
    if (!thawed.ok()) {
      why_not_ = "the guest did not answer in the end: " + thawed.error().message();
    } else if (thawed->was != ThawOutcome::Was::kFrozen) {
      why_not_ = "they were thawed before the disks were taken";
    }
    return why_not_.empty() ? DiskQuiet::kFrozen : DiskQuiet::kCrashConsistent;
  }
  const std::string& why_not() const { return why_not_; }

 private:
  static constexpr auto kSlack = std::chrono::seconds(5);
  GuestAgentClient& agent_;
  std::chrono::milliseconds limit_;
  bool frozen_ = false;
  std::string why_not_;
};

Result<ControlResponse> serve_disk_snapshot(Supervisor& supervisor, const DiskSnapshotCommand& command) {
  if (command.action() != "save")
    return Error(Code::kInvalidArgument, "unknown disk-snapshot action: " + command.action());
  if (command.name().empty()) return Error(Code::kInvalidArgument, "snapshot name required");
  COVE_TRY(VmName::parse(command.name()).context("snapshot"));
  constexpr std::uint64_t kLongestFreeze = 60'000;
  if (command.freeze_ms() > kLongestFreeze) return Error(Code::kInvalidArgument, "freeze over 60 s");
  FrozenGuest guest(supervisor.agent().client(), std::chrono::milliseconds(command.freeze_ms()));
  SaveRequest request{
      .kind = SaveRequest::Kind::kDisk, .name = command.name(), .description = command.description()};
  auto quiet = DiskQuiet::kCrashConsistent;
  if (command.freeze_ms() > 0) {
    guest.freeze();
    request.was_quiet = [&] { return quiet = guest.thaw(); };
  }
  NoProgress progress;
  const auto saved = COVE_TRY(supervisor.states().save(request, progress));
  auto response = COVE_TRY(saved_response("disk snapshot '" + command.name() + "' saved", saved));
  response.mutable_saved()->set_frozen(quiet == DiskQuiet::kFrozen);
  if (command.freeze_ms() > 0) response.mutable_saved()->set_not_frozen_why(guest.why_not());
  return response;
}

}  // namespace

Result<ControlResponse> serve_state_verb(Supervisor& supervisor, const Verb& verb,
                                         const ControlRequest& request) {
  if (verb.id == VerbId::kSnapshot) return serve_snapshot(supervisor, request.snapshot());
  if (verb.id == VerbId::kDiskSnapshot) return serve_disk_snapshot(supervisor, request.disk_snapshot());
  NoProgress progress;
  const bool suspend = verb.id == VerbId::kSuspend;
  const auto saved = COVE_TRY(supervisor.states().save(
      {.kind = suspend ? SaveRequest::Kind::kSuspend : SaveRequest::Kind::kForkBase}, progress));
  if (!suspend) supervisor.agent().set_clock_soon();
  return saved_response(suspend ? "suspended" : "saved", saved);
}

}  // namespace cove
