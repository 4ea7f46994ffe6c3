// The agent's services: each registers its methods for one realm's connections. The realm is borrowed and
// outlives the handlers.
#pragma once

#include "agentd/realm.h"
#include "rpc/server.h"

namespace cove::agentd {

inline constexpr std::uint32_t kApiVersion = 1;

void register_exec_service(rpc::Handlers& handlers, const Realm& realm);    // Exec..., UserExec...
void register_attach_service(rpc::Handlers& handlers, const Realm& realm);  // Hello, Attach, Signal
void register_tree_service(rpc::Handlers& handlers, const Realm& realm);    // PutTree, GetTree
void register_file_service(rpc::Handlers& handlers, const Realm& realm);  // CopyIn/Out, Read/WriteFile, Mkdir
void register_info_service(rpc::Handlers& handlers, const Realm& realm);  // Ping, Info
void register_system_service(rpc::Handlers& handlers);                    // Mount, Shutdown, ...
void register_guest_service(rpc::Handlers& handlers,
                            const Realm& realm);  // SetClock, EnsureUser, GrowRoot, ...

void register_identity_service(rpc::Handlers& handlers, const Realm& realm);  // SetIdentity
void register_freeze_service(rpc::Handlers& handlers, const Realm& realm);    // Freeze-, ThawFilesystems

// The host's relay brings the calls of all its clients over one connection: as many as it takes clients.
rpc::ServerOptions agent_server_options();

// All that the realm's port serves.
rpc::Handlers make_handlers(const Realm& realm);

}  // namespace cove::agentd
