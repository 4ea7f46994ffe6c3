// status_report: what a supervisor knows, as control messages. Any thread but the loop's; blocks as ctx says.
#pragma once

#include "base/cancel.h"
#include "proto/control.pb.h"
#include "supervisor/supervisor.h"

namespace cove {

Result<vz::control::v1::ControlResponse> report_status(const OpContext& ctx, Supervisor& supervisor);
Result<vz::control::v1::ControlResponse> report_capabilities(const Supervisor& supervisor);
Result<vz::control::v1::ControlResponse> report_network(Supervisor& supervisor);
vz::control::v1::ControlResponse report_metrics(const Supervisor& supervisor);
vz::control::v1::ControlResponse report_agent(Supervisor& supervisor);
Result<VmSnapshot> take_snapshot(const OpContext& ctx, Supervisor& supervisor);

void add_facts(const FactBoard& board, google::protobuf::RepeatedPtrField<vz::control::v1::Fact>& facts);
// `data` and `message.message` hold the same text.
vz::control::v1::ControlResponse message_response(std::string text);

}  // namespace cove
