// CommandExecutor: serves the control socket's verbs on a supervisor. Called on the connections' threads; it
// reaches the machine by ask() only.
#pragma once

#include "control/control_handler.h"
#include "supervisor/supervisor.h"

namespace cove {

class CommandExecutor final : public ControlHandler {
 public:
  explicit CommandExecutor(Supervisor& supervisor) : supervisor_(supervisor) {}
  Result<ControlResponse> handle(const OpContext& ctx, const Verb& verb, const ControlRequest& request,
                                 ControlReply& reply) override;

 private:
  Result<void> check_state(const OpContext& ctx, const Verb& verb);
  Result<ControlResponse> dispatch(const OpContext& ctx, const Verb& verb, const ControlRequest& request,
                                   ControlReply& reply);
  Result<ControlResponse> power(const OpContext& ctx, const Verb& verb, const ControlRequest& request);
  Result<ControlResponse> stop(const OpContext& ctx, const StopRequest& request);
  Result<ControlResponse> wait(const OpContext& ctx, const ControlRequest& request);
  Result<ControlResponse> port_forward(const OpContext& ctx, const ControlRequest& request);
  Result<ControlResponse> console_attach(const ControlRequest& request, ControlReply& reply);

  Supervisor& supervisor_;
};

}  // namespace cove
