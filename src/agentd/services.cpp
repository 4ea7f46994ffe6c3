#include "agentd/services.h"

namespace cove::agentd {

rpc::Handlers make_handlers(const Realm& realm) {
  rpc::Handlers handlers;
  register_exec_service(handlers, realm);
  register_attach_service(handlers, realm);
  register_tree_service(handlers, realm);
  if (realm.kind == Realm::Kind::kSystem) {
    register_file_service(handlers, realm);
    register_info_service(handlers, realm);
    register_system_service(handlers);
    register_guest_service(handlers, realm);
    register_identity_service(handlers, realm);
    register_freeze_service(handlers, realm);
  }
  return handlers;
}

rpc::ServerOptions agent_server_options() {
  rpc::ServerOptions options;
  options.limits.max_streams = 512;
  return options;
}

}  // namespace cove::agentd
