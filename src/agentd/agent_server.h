// AgentServer: the agent behind one link: accepts the channels of both realms and serves each connection on a
// thread of its own. Owned by the program; run() is called by one thread.
#pragma once

#include <list>
#include <memory>

#include "agentd/realm.h"
#include "base/cancel.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "rpc/server.h"

namespace cove::agentd {

class AgentServer final {
 public:
  // `root` is the guest's root folder: "/" but in tests.
  AgentServer(std::string version, const std::filesystem::path& root);
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;
  ~AgentServer();  // ends what still runs

  // Serves the link over `stream` until it ends (OK: the host has gone) or ctx does.
  Result<void> run(const OpContext& ctx, UniqueFd stream);

 private:
  struct Session;
  void accept(std::uint32_t port, UniqueFd stream);
  void forget_finished();

  Realm system_;
  Realm user_;
  rpc::Handlers system_handlers_;
  rpc::Handlers user_handlers_;
  CancelSource over_;
  std::list<std::unique_ptr<Session>> sessions_;
};

}  // namespace cove::agentd
