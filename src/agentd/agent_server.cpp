#include "agentd/agent_server.h"

#include <poll.h>

#include <atomic>
#include <cerrno>

#include "agentd/services.h"
#include "channel/agent_link.h"
#include "channel/guest_channel.h"

namespace cove::agentd {
namespace {
constexpr std::size_t kMaxSessions = 128;
}

struct AgentServer::Session {
  std::atomic<bool> finished{false};
  Thread thread;
};

AgentServer::AgentServer(std::string version, const std::filesystem::path& root)
    : system_{Realm::Kind::kSystem, root, version},
      user_{Realm::Kind::kUser, root, std::move(version)},
      system_handlers_(make_handlers(system_)),
      user_handlers_(make_handlers(user_)) {}

AgentServer::~AgentServer() { over_.cancel(); }

void AgentServer::forget_finished() {
  sessions_.remove_if([](const auto& session) { return session->finished.load(); });
}

// Not served: the stream closes, which tells the host.
void AgentServer::accept(std::uint32_t port, UniqueFd stream) {
  forget_finished();
  const rpc::Handlers* handlers = nullptr;
  if (port == kSystemRealmPort) handlers = &system_handlers_;
  if (port == kUserRealmPort) handlers = &user_handlers_;
  if (handlers == nullptr || sessions_.size() >= kMaxSessions) return;
  auto session = std::make_unique<Session>();
  auto fd = std::make_shared<UniqueFd>(std::move(stream));
  session->thread = Thread("agent-rpc", [this, handlers, fd, &finished = session->finished] {
    // How a connection ends concerns the host, which sees it too.
    static_cast<void>(
        rpc::serve({over_.token(), Deadline()}, std::move(*fd), *handlers, agent_server_options()));
    finished.store(true);
  });
  sessions_.push_back(std::move(session));
}

Result<void> AgentServer::run(const OpContext& ctx, UniqueFd stream) {
  const auto link = COVE_TRY(AgentLink::create(
      std::move(stream),
      {.role = AgentLink::Role::kGuest,
       .on_accept = [this](std::uint32_t port, UniqueFd fd) { accept(port, std::move(fd)); },
       .on_state = {}}));
  while (link->state() != AgentLink::State::kClosed) {
    COVE_TRY(ctx.check());
    pollfd fds[2] = {{link->poll_fd(), POLLIN, 0}, {ctx.cancel.fd(), POLLIN, 0}};
    if (::poll(fds, 2, ctx.deadline.poll_timeout_ms()) < 0 && errno != EINTR)
      return Error::from_errno(errno, "poll");
    if (fds[0].revents != 0) link->process();
  }
  return {};
}

}  // namespace cove::agentd
