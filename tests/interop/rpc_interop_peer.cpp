// rpc_interop_peer serve PATH: our server behind a unix socket, for foreign clients; says "ready" when it
// listens and ends with standard input. rpc_interop_peer call PATH: our channel against a foreign server;
// exit status 0 = as agreed.
#include <poll.h>
#include <sys/socket.h>

#include <cstdio>
#include <string_view>

#include "base/io.h"
#include "base/thread.h"
#include "base/unix_socket.h"
#include "interop_service.h"

namespace {

using namespace cove;

Result<void> serve_until_end_of_input(const char* path) {
  const auto listener = COVE_TRY(listen_unix(path, 16));
  const rpc::Handlers handlers = interop::interop_handlers();
  std::puts("ready");
  std::fflush(stdout);
  const CancelSource stop;
  std::vector<Thread> connections;
  pollfd polls[2] = {{STDIN_FILENO, POLLIN, 0}, {listener.get(), POLLIN, 0}};
  while (::poll(polls, 2, -1) > 0 && polls[0].revents == 0) {
    const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    connections.emplace_back("connection", [&, fd] {
      static_cast<void>(rpc::serve({stop.token(), {}}, UniqueFd(fd), handlers));
    });
  }
  stop.cancel();
  return {};
}

Result<void> call(const char* path) {
  auto fd = COVE_TRY(connect_unix(OpContext{}.with_timeout(std::chrono::seconds(10)), path));
  const auto channel = COVE_TRY(rpc::Channel::create(std::move(fd), {}));
  return interop::check_peer(*channel);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto done = std::string_view(argv[1]) == "serve" ? serve_until_end_of_input(argv[2]) : call(argv[2]);
  if (!done.ok()) std::fprintf(stderr, "%s\n", done.error().message().c_str());
  return done.ok() ? 0 : 1;
}
