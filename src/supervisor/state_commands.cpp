#include "supervisor/state_commands.h"

#include "model/vm_name.h"
#include "proto/control.pb.h"
#include "proto/control_json.h"
#include "supervisor/status_report.h"

namespace cove {
namespace {

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

}  // namespace

Result<ControlResponse> serve_state_verb(Supervisor& supervisor, const Verb& verb,
                                         const ControlRequest& request) {
  if (verb.id == VerbId::kSnapshot) return serve_snapshot(supervisor, request.snapshot());
  NoProgress progress;
  const bool suspend = verb.id == VerbId::kSuspend;
  const auto saved = COVE_TRY(supervisor.states().save(
      {.kind = suspend ? SaveRequest::Kind::kSuspend : SaveRequest::Kind::kForkBase}, progress));
  if (!suspend) supervisor.agent().set_clock_soon();
  return saved_response(suspend ? "suspended" : "saved", saved);
}

}  // namespace cove
