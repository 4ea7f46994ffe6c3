#include "net/user_network.h"

#include <arpa/inet.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <optional>
#include <utility>

#include "base/guarded.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/slirp_stack.h"

namespace cove {
namespace {

// Frames taken in one turn, in batches, before slirp's own sockets have theirs.
constexpr int kBatchesPerTurn = 4;
constexpr int kChooseAttempts = 16;

Error forward_error(int error_number, const ForwardSpec& forward) {
  const std::string port = "port " + std::to_string(forward.host_port) + " on " + forward.host_address;
  switch (error_number) {
    case EADDRINUSE:
      return Error(Code::kAlreadyExists, port + " is already in use")
          .hint("choose another port, or 0 to have one chosen");
    case EACCES:
      return Error(Code::kPermissionDenied, port + " may not be opened by this user")
          .hint("choose a port from 1024 up");
    case EADDRNOTAVAIL:
      return Error(Code::kInvalidArgument, forward.host_address + " is no address of this host");
    default:
      return Error::from_errno(error_number, "opening " + port);
  }
}

// A port that is free now. Another process may take it before it is opened: the caller tries again.
Result<std::uint16_t> free_port(const std::string& host_address) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, host_address.c_str(), &address.sin_addr) != 1) {
    return Error(Code::kInvalidArgument, "\"" + host_address + "\" is no IPv4 address");
  }
  const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return Error::from_errno(errno, "socket");
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(probe.get(), generic, size) < 0 || ::getsockname(probe.get(), generic, &size) < 0) {
    return forward_error(errno, {host_address, 0, 0});
  }
  return ntohs(address.sin_port);
}

}  // namespace

struct UserNetwork::Impl {
  explicit Impl(const UserNetworkOptions& options)
      : facts{options.guest_address, options.gateway, options.nameserver, options.mtu},
        channel(options.queue) {}

  // Runs fn on the network thread and returns what it returned.
  template <typename Fn>
  auto call(Fn&& fn) {
    using Answer = std::invoke_result_t<Fn&>;
    // Shared: the network thread may still be inside with() when the waiting one already has its answer.
    auto answer = std::make_shared<Guarded<std::optional<Answer>>>();
    posted.with([&](auto& all) {
      all.push_back([answer, &fn] {
        Answer result = fn();
        answer->with([&](auto& slot) { slot.emplace(std::move(result)); });
      });
    });
    wake();
    std::optional<Answer> result;
    const auto waited = answer->wait(
        OpContext{}, [](auto& slot) { return slot.has_value(); },
        [&](auto& slot) { result = std::move(slot); });
    COVE_CHECK(waited.ok());
    return std::move(*result);
  }

  void wake() const {
    const std::uint64_t one = 1;
    // Fails only when the counter is full: then the thread is awake anyway.
    static_cast<void>(!::write(wake_fd.get(), &one, sizeof one));
  }

  void run_posted() {
    std::uint64_t count = 0;
    static_cast<void>(!::read(wake_fd.get(), &count, sizeof count));
    std::vector<std::function<void()>> work;
    posted.with([&](auto& all) { work.swap(all); });
    for (const auto& each : work) each();
  }

  void run() {
    const FrameSink to_stack = [this](FrameView frame) { stack->input(frame); };
    std::vector<pollfd> descriptors;
    while (!stopping.load(std::memory_order_acquire)) {
      descriptors.clear();
      descriptors.push_back({wake_fd.get(), POLLIN, 0});
      const int frame_events = POLLIN | (channel.wants_write() ? POLLOUT : 0);
      descriptors.push_back({channel.fd(), static_cast<short>(frame_events), 0});
      const int wait_ms = stack->fill_poll(descriptors);
      open_descriptors = descriptors.size() - 2;
      if (::poll(descriptors.data(), descriptors.size(), wait_ms) < 0) {
        for (pollfd& each : descriptors) each.revents = 0;
      }
      wakeups++;
      stack->finish_poll(descriptors);
      if ((descriptors[1].revents & POLLOUT) != 0) channel.flush();
      if ((descriptors[1].revents & POLLIN) != 0) {
        for (int i = 0; i < kBatchesPerTurn && channel.receive(to_stack) > 0; i++) {
        }
      }
      if (descriptors[0].revents != 0) run_posted();
    }
  }

  Result<ForwardSpec> add(ForwardSpec forward) {
    const bool choose = forward.host_port == 0;
    for (int attempt = 0;; attempt++) {
      if (choose) forward.host_port = COVE_TRY(free_port(forward.host_address));
      const int failure = stack->add_forward(forward);
      if (failure == 0) break;
      if (!choose || failure != EADDRINUSE || attempt >= kChooseAttempts) {
        return forward_error(failure, forward);
      }
    }
    forwards.push_back(forward);
    return forward;
  }

  Result<void> remove(const std::string& host_address, std::uint16_t host_port) {
    const auto found = std::find_if(forwards.begin(), forwards.end(), [&](const ForwardSpec& each) {
      return each.host_address == host_address && each.host_port == host_port;
    });
    if (found == forwards.end()) {
      return Error(Code::kNotFound,
                   "no forward from port " + std::to_string(host_port) + " on " + host_address);
    }
    forwards.erase(found);
    if (!stack->remove_forward(host_address, host_port)) {
      return Error(Code::kInternal, "libslirp does not know the forward");
    }
    return {};
  }

  const NetworkFacts facts;
  UniqueFd wake_fd;
  Guarded<std::vector<std::function<void()>>> posted;
  std::atomic<bool> stopping = false;
  // The network thread's own from here on.
  FrameChannel channel;
  std::unique_ptr<SlirpStack> stack;
  std::vector<ForwardSpec> forwards;
  std::uint64_t wakeups = 0;
  std::uint64_t open_descriptors = 0;
  Thread thread;  // last: joined before anything it uses goes
};

Result<std::unique_ptr<UserNetwork>> UserNetwork::create(const UserNetworkOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  Impl* inside = impl.get();
  impl->stack =
      COVE_TRY(SlirpStack::create(options, [inside](FrameView frame) { inside->channel.send(frame); }));
  impl->wake_fd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl->wake_fd) return Error::from_errno(errno, "eventfd");
  impl->thread = Thread("network", [inside] { inside->run(); });
  return std::unique_ptr<UserNetwork>(new UserNetwork(std::move(impl)));
}

UserNetwork::UserNetwork(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

UserNetwork::~UserNetwork() {
  impl_->stopping.store(true, std::memory_order_release);
  impl_->wake();
}

void UserNetwork::attach(FramePair pair) {
  COVE_CHECK(pair.ours.valid());
  impl_->call([&] { return impl_->channel.attach(std::move(pair)), true; });
}

void UserNetwork::detach() {
  impl_->call([&] { return impl_->channel.detach(), true; });
}

void UserNetwork::close_gate() {
  impl_->call([&] { return impl_->channel.close_gate(), true; });
}

Result<void> UserNetwork::swap(FramePair fresh) {
  COVE_CHECK(fresh.ours.valid() && fresh.qemu.valid());
  return impl_->call([&] {
    return impl_->channel.swap(std::move(fresh), [&](FrameView frame) { impl_->stack->input(frame); });
  });
}

void UserNetwork::open_gate() {
  impl_->call([&] { return impl_->channel.open_gate(), true; });
}

Result<ForwardSpec> UserNetwork::add_forward(const ForwardSpec& forward) {
  return impl_->call([&] { return impl_->add(forward); });
}

Result<void> UserNetwork::remove_forward(const std::string& host_address, std::uint16_t host_port) {
  return impl_->call([&] { return impl_->remove(host_address, host_port); });
}

std::vector<ForwardSpec> UserNetwork::forwards() const {
  return impl_->call([&] { return impl_->forwards; });
}

std::uint64_t UserNetwork::connections(const ForwardSpec& forward) const {
  return impl_->call([&] { return impl_->stack->connections(forward); });
}

const NetworkFacts& UserNetwork::facts() const { return impl_->facts; }

NetworkCounters UserNetwork::counters() const {
  return impl_->call([&] {
    return NetworkCounters{.frames = impl_->channel.counters(),
                           .wakeups = impl_->wakeups,
                           .descriptors = impl_->open_descriptors,
                           .guest_errors = impl_->stack->guest_errors()};
  });
}

}  // namespace cove
