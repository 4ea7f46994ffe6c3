#include "supervisor/status_report.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "control/ask.h"
#include "control/verb_table.h"
#include "proto/control_json.h"

namespace cove {
namespace {

using vz::control::v1::ControlResponse;
using vz::control::v1::PortForwardInfo;
using vz::control::v1::StatusDetail;

void fill_machine(StatusDetail& detail, const VmSnapshot& snapshot) {
  const MachineInfo& machine = snapshot.machine;
  detail.set_state(std::string(to_string(snapshot.state)));
  detail.set_reason(snapshot.reason);
  detail.set_hint(snapshot.hint);
  detail.set_engine_pid(machine.pid);
  if (machine.backend.empty()) return;
  detail.set_accelerator(std::string(to_string(machine.accel)));
  if (machine.started_at.time_since_epoch().count() > 0)
    detail.set_started_at(format_rfc3339(machine.started_at));
}

void fill_network(StatusDetail& detail, Supervisor& supervisor) {
  detail.set_network(std::string(to_string(supervisor.config().network)));
  if (supervisor.network() == nullptr) return;
  detail.set_mac(supervisor.config().mac);
  detail.set_ip(supervisor.guest_address());
  for (const auto& forward : supervisor.network()->forwards()) {
    PortForwardInfo& info = *detail.add_forwards();
    info.set_host_address(forward.host_address);
    info.set_host_port(forward.host_port);
    info.set_guest_port(forward.guest_port);
    info.set_connections(supervisor.network()->connections(forward));
  }
}

}  // namespace

Result<VmSnapshot> take_snapshot(const OpContext& ctx, Supervisor& supervisor) {
  return ask<VmSnapshot>(ctx, supervisor.loop(),
                         [&supervisor](const Done<VmSnapshot>& done) { done(supervisor.snapshot()); });
}

void add_facts(const FactBoard& board, google::protobuf::RepeatedPtrField<vz::control::v1::Fact>& facts) {
  for (const auto& state : board.all()) {
    auto& fact = *facts.Add();
    fact.set_name(state.name);
    fact.set_met(state.met);
    if (state.met) fact.set_met_at(format_rfc3339(state.met_at));
    fact.set_evidence(state.evidence);
  }
}

ControlResponse message_response(std::string text) {
  ControlResponse response;
  response.set_data(text);
  response.mutable_message()->set_message(std::move(text));
  return response;
}

Result<ControlResponse> report_status(const OpContext& ctx, Supervisor& supervisor) {
  const VmSnapshot snapshot = COVE_TRY(take_snapshot(ctx, supervisor));
  const bool running = snapshot.state == MachineState::kRunning;
  const bool paused = snapshot.state == MachineState::kPaused;
  const std::string state(to_string(snapshot.state));

  ControlResponse response;
  auto& status = *response.mutable_status();
  status.set_state(state);
  status.set_can_pause(running);
  status.set_can_resume(paused);
  status.set_can_stop(running || paused || snapshot.state == MachineState::kStarting);
  status.set_can_request_stop(running);
  response.set_data(Json::object({{"canPause", status.can_pause()},
                                  {"canRequestStop", status.can_request_stop()},
                                  {"canResume", status.can_resume()},
                                  {"canStop", status.can_stop()},
                                  {"state", state}})
                        .dump());

  StatusDetail& detail = *response.mutable_status_detail();
  detail.set_name(supervisor.name().str());
  fill_machine(detail, snapshot);
  detail.set_backend(std::string(supervisor.parts().hypervisor.name()));
  detail.set_accelerator_reason(supervisor.parts().accelerator_reason);
  detail.set_supervisor_pid(::getpid());
  detail.set_cpus(supervisor.config().cpus);
  detail.set_memory_bytes(supervisor.config().memory_bytes());
  fill_network(detail, supervisor);
  const AgentStatus agent = supervisor.agent().status();
  detail.set_agent(std::string(to_string(agent.state)));
  detail.set_agent_version(agent.version);
  add_facts(supervisor.facts(), *detail.mutable_facts());
  for (auto& line : supervisor.console().last_lines(kTailLines)) detail.add_console_tail(std::move(line));
  return response;
}

Result<ControlResponse> report_capabilities(const Supervisor& supervisor) {
  ControlResponse response;
  auto& capabilities = *response.mutable_capabilities();
  capabilities.set_protocol_version("vz.control.v1");
  capabilities.set_encoding("protojson");
  capabilities.set_auth_required(true);
  Json commands = Json::array();
  for (const auto& entry : verbs()) {
    capabilities.add_commands(std::string(entry.name));
    commands.push_back(entry.name);
  }
  (*capabilities.mutable_features())["agentExecStream"] = true;
  const Json compat = Json::object({{"agentExecFlatFields", true}, {"tokenField", true}});
  const Json auth = Json::object({{"required", true},
                                  {"field", "auth_token"},
                                  {"legacyField", "token"},
                                  {"tokenPath", supervisor.token_path().string()}});
  response.set_data(Json::object({{"protocolVersion", "vz.control.v1"},
                                  {"encoding", "protojson"},
                                  {"auth", auth},
                                  {"legacyJsonCompat", compat},
                                  {"features", Json::object({{"agentExecStream", true}})},
                                  {"commands", commands}})
                        .dump());
  return response;
}

Result<ControlResponse> report_network(Supervisor& supervisor) {
  ControlResponse response;
  auto& info = *response.mutable_network_info();
  info.set_mode(std::string(to_string(supervisor.config().network)));
  if (supervisor.network() != nullptr) {
    info.set_mac_address(supervisor.config().mac);
    info.set_guest_ip(supervisor.guest_address());
  }
  response.set_data(COVE_TRY(proto::encode_message(info)));
  return response;
}

ControlResponse report_metrics(const Supervisor& supervisor) {
  ControlResponse response;
  Json data = Json::object();
  for (const auto& [name, value] : supervisor.metrics()) {
    data.set(name, value);
    (*response.mutable_metrics()->mutable_counters())[name] = value;
  }
  response.set_data(data.dump());
  return response;
}

ControlResponse report_agent(Supervisor& supervisor) {
  const AgentStatus status = supervisor.agent().status();
  Json json = Json::object();
  const bool connected = status.state == AgentStatus::State::kConnected;
  json.set("daemon", connected ? "connected" : "disconnected");
  json.set("user", connected ? "connected" : "disconnected");
  if (status.last_seen.time_since_epoch().count() > 0) json.set("lastPing", format_rfc3339(status.last_seen));
  if (!status.version.empty()) json.set("version", status.version);
  if (!status.last_error.empty()) json.set("lastError", status.last_error);
  return message_response(json.dump());
}

}  // namespace cove
