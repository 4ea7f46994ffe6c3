// cove-agent: the program that runs as root inside a guest and does what the host asks for.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "agentd/agent_server.h"
#include "agentd/virtio_port.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/strings.h"
#include "rpc/message_log.h"

namespace {

using namespace cove;

// Between two tries to serve a host that is not there.
constexpr std::chrono::milliseconds kReopenDelay{200};
constexpr std::string_view kPortName = "com.cove.agent";

struct Arguments {
  std::string port;  // a device or socket path instead of the virtio-serial port
  int socket = -1;   // an inherited descriptor instead of it
};

void say(std::string_view text) {
  const std::string line = "cove-agent: " + std::string(text) + "\n";
  [[maybe_unused]] const auto written = ::write(2, line.data(), line.size());
}

int usage(std::string_view complaint) {
  say(complaint);
  say("usage: cove-agent [-version] [-port PATH | -socket FD]");
  return 2;
}

int serve_once(agentd::AgentServer& server, int socket) {
  const auto served = server.run({}, UniqueFd(socket));
  if (served.ok()) return 0;
  say(served.error().message());
  return 1;
}

// Serves host after host, for ever: the port outlives every one of them.
int serve_port(agentd::AgentServer& server, const std::string& path) {
  SystemClock clock;
  std::string last;
  for (;;) {
    auto port = path.empty() ? agentd::open_virtio_port({}, kPortName) : open_file(path, O_RDWR | O_NONBLOCK);
    Result<void> served = port.ok() ? server.run({}, std::move(*port)) : Result<void>(port.error());
    if (!served.ok() && served.error().message() != last) {
      last = served.error().message();
      say(last);
    }
    static_cast<void>(clock.sleep({}, kReopenDelay));
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word.starts_with("--")) word.remove_prefix(1);
    if (word == "-version") {
      const std::string line = "cove-agent " COVE_VERSION "\n";
      return ::write(1, line.data(), line.size()) > 0 ? 0 : 1;
    }
    if (i + 1 >= argc || (word != "-port" && word != "-socket"))
      return usage("unknown argument or missing value: " + std::string(word));
    const std::string_view value = argv[++i];
    if (word == "-port") {
      arguments.port = value;
    } else if (const auto number = parse_u64(value); number && *number < 1024) {
      arguments.socket = static_cast<int>(*number);
    } else {
      return usage("not a descriptor: " + std::string(value));
    }
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(022);
  rpc::route_message_log();
  agentd::AgentServer server(COVE_VERSION, "/");
  return arguments.socket >= 0 ? serve_once(server, arguments.socket) : serve_port(server, arguments.port);
}
