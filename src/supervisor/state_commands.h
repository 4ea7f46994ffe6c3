// state_commands: the control socket's verbs about saved states. Blocking; the connections' threads.
#pragma once

#include "control/control_handler.h"
#include "supervisor/supervisor.h"

namespace cove {

Result<ControlResponse> serve_state_verb(Supervisor& supervisor, const Verb& verb,
                                         const ControlRequest& request);

}  // namespace cove
