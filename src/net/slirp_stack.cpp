#include "net/slirp_stack.h"

#include <arpa/inet.h>
#include <slirp/libslirp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace cove {
namespace {

using SteadyClock = std::chrono::steady_clock;

// libslirp wants a turn every 500 ms while any TCP socket exists, a listening one too. When for two minutes
// (its own longest timers) nothing moved and only listeners are left, it has nothing to time.
constexpr auto kQuiet = std::chrono::minutes(2);
constexpr int kQuietWaitMs = 60'000;

// A line of libslirp's table: "TCP[STATE] FD SOURCE PORT DESTINATION PORT ...". The source of a connection
// from outside is the forward's own end.
bool is_connection_of(std::string_view line, const ForwardSpec& forward) {
  std::vector<std::string_view> words;
  for (const auto word : split(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.size() < 6 || !words[0].starts_with("TCP[")) return false;
  for (const char* other : {"TCP[HOST_FORWARD]", "TCP[TIME_WAIT]", "TCP[CLOSED]"}) {
    if (words[0] == other) return false;
  }
  const bool same_address = forward.host_address == "0.0.0.0" || words[2] == forward.host_address;
  return same_address && words[3] == std::to_string(forward.host_port) &&
         words[5] == std::to_string(forward.guest_port);
}

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch()).count();
}

short to_poll(int events) {
  int bits = 0;
  if ((events & SLIRP_POLL_IN) != 0) bits |= POLLIN;
  if ((events & SLIRP_POLL_OUT) != 0) bits |= POLLOUT;
  if ((events & SLIRP_POLL_PRI) != 0) bits |= POLLPRI;
  return static_cast<short>(bits);
}

int from_poll(int revents) {
  int events = 0;
  if ((revents & POLLIN) != 0) events |= SLIRP_POLL_IN;
  if ((revents & POLLOUT) != 0) events |= SLIRP_POLL_OUT;
  if ((revents & POLLPRI) != 0) events |= SLIRP_POLL_PRI;
  if ((revents & (POLLERR | POLLNVAL)) != 0) events |= SLIRP_POLL_ERR;
  if ((revents & POLLHUP) != 0) events |= SLIRP_POLL_HUP;
  return events;
}

bool is_listener(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

// ARP, or ICMPv6, which holds neighbour discovery.
bool is_neighbour_talk(FrameView frame) {
  if (frame.size() < 21 || (frame[12] != 0x08 && frame[12] != 0x86)) return false;
  return (frame[12] == 0x08 && frame[13] == 0x06) ||
         (frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == 58);
}

Result<in_addr> parse_host(const std::string& text, std::string_view what) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) {
    return Error(Code::kInvalidArgument, std::string(what) + " \"" + text + "\" is no IPv4 address");
  }
  const std::uint32_t last = ntohl(address.s_addr) & 0xff;
  if (last == 0 || last == 255) {
    return Error(Code::kInvalidArgument, std::string(what) + " " + text + " is no host of a /24 network");
  }
  return address;
}

struct Addresses {
  in_addr guest;
  in_addr gateway;
  in_addr nameserver;
};

Result<Addresses> parse_addresses(const UserNetworkOptions& options) {
  const Addresses all{COVE_TRY(parse_host(options.guest_address, "guest address")),
                      COVE_TRY(parse_host(options.gateway, "gateway")),
                      COVE_TRY(parse_host(options.nameserver, "name server"))};
  const auto network = [](in_addr address) { return ntohl(address.s_addr) >> 8; };
  if (network(all.guest) != network(all.gateway) || network(all.nameserver) != network(all.gateway)) {
    return Error(Code::kInvalidArgument, "guest address, gateway and name server must share one /24 network");
  }
  if (all.guest.s_addr == all.gateway.s_addr || all.guest.s_addr == all.nameserver.s_addr ||
      all.gateway.s_addr == all.nameserver.s_addr) {
    return Error(Code::kInvalidArgument, "guest address, gateway and name server must differ");
  }
  return all;
}

}  // namespace

struct SlirpStack::Impl {
  struct Timer {
    SlirpTimerId id;
    void* context;
    std::int64_t due_ms = -1;
  };

  Slirp* slirp = nullptr;
  SlirpCb callbacks{};
  FrameSink to_guest;
  in_addr guest_address{};
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<pollfd>* filling = nullptr;
  SteadyClock::time_point last_traffic = SteadyClock::now();
  bool neighbour_heard = false;
  std::uint64_t guest_errors = 0;

  ~Impl() {
    if (slirp != nullptr) slirp_cleanup(slirp);
  }

  static Impl& of(void* opaque) { return *static_cast<Impl*>(opaque); }

  void set_callbacks() {
    callbacks.send_packet = [](const void* bytes, std::size_t size, void* opaque) -> ssize_t {
      of(opaque).last_traffic = SteadyClock::now();
      of(opaque).to_guest({static_cast<const std::uint8_t*>(bytes), size});
      return static_cast<ssize_t>(size);
    };
    callbacks.guest_error = [](const char* message, void* opaque) {
      if (of(opaque).guest_errors++ == 0) log_debug("malformed frame from the guest", {{"what", message}});
    };
    callbacks.clock_get_ns = [](void*) -> std::int64_t { return now_ns(); };
    callbacks.timer_new_opaque = [](SlirpTimerId id, void* context, void* opaque) -> void* {
      return of(opaque).timers.emplace_back(std::make_unique<Timer>(Timer{id, context})).get();
    };
    callbacks.timer_free = [](void* timer, void* opaque) {
      std::erase_if(of(opaque).timers, [&](const auto& each) { return each.get() == timer; });
    };
    callbacks.timer_mod = [](void* timer, std::int64_t due_ms, void*) {
      static_cast<Timer*>(timer)->due_ms = due_ms;
    };
    // The set of descriptors is asked for before each poll(), so these have nothing to do.
    callbacks.register_poll_fd = [](int, void*) {};
    callbacks.unregister_poll_fd = [](int, void*) {};
    callbacks.notify = [](void*) {};
    callbacks.init_completed = [](Slirp*, void*) {};
  }

  int timer_wait_ms() const {
    std::int64_t soonest = -1;
    for (const auto& timer : timers) {
      if (timer->due_ms < 0) continue;
      const std::int64_t left = std::max<std::int64_t>(0, timer->due_ms - now_ns() / 1'000'000);
      soonest = soonest < 0 ? left : std::min(soonest, left);
    }
    return static_cast<int>(std::min<std::int64_t>(soonest, kQuietWaitMs));
  }

  void run_timers() {
    // A timer's work sets it again, and may free or make timers: look from the start after each.
    for (std::size_t i = 0; i < timers.size();) {
      Timer& timer = *timers[i];
      if (timer.due_ms < 0 || timer.due_ms > now_ns() / 1'000'000) {
        i++;
        continue;
      }
      timer.due_ms = -1;
      slirp_handle_timer(slirp, timer.id, timer.context);
      i = 0;
    }
  }
};

Result<std::unique_ptr<SlirpStack>> SlirpStack::create(const UserNetworkOptions& options,
                                                       FrameSink to_guest) {
  const Addresses addresses = COVE_TRY(parse_addresses(options));
  if (options.mtu < 576 || options.mtu > 65520) {
    return Error(Code::kInvalidArgument, "mtu " + std::to_string(options.mtu) + " is not 576 to 65520");
  }
  auto impl = std::make_unique<Impl>();
  impl->to_guest = std::move(to_guest);
  impl->guest_address = addresses.guest;
  impl->set_callbacks();
  SlirpConfig config{};
  config.version = 4;
  config.restricted = options.reach == Reach::kForwardsOnly ? 1 : 0;
  config.in_enabled = true;
  config.vnetmask.s_addr = htonl(0xffffff00);
  config.vnetwork.s_addr = addresses.gateway.s_addr & config.vnetmask.s_addr;
  config.vhost = addresses.gateway;
  config.vnameserver = addresses.nameserver;
  config.vdhcp_start = addresses.guest;
  config.in6_enabled = options.ipv6 == Ipv6::kOn;
  ::inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
  config.vprefix_len = 64;
  ::inet_pton(AF_INET6, "fec0::2", &config.vhost6);
  ::inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
  config.vhostname = options.hostname.empty() ? nullptr : options.hostname.c_str();
  config.if_mtu = options.mtu;
  config.if_mru = options.mtu;
  impl->slirp = slirp_new(&config, &impl->callbacks, impl.get());
  if (impl->slirp == nullptr) return Error(Code::kInternal, "libslirp refused its configuration");
  return std::unique_ptr<SlirpStack>(new SlirpStack(std::move(impl)));
}

SlirpStack::SlirpStack(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SlirpStack::~SlirpStack() = default;

void SlirpStack::input(FrameView from_guest) {
  impl_->last_traffic = SteadyClock::now();
  if (is_neighbour_talk(from_guest)) impl_->neighbour_heard = true;
  slirp_input(impl_->slirp, from_guest.data(), static_cast<int>(from_guest.size()));
}

int SlirpStack::fill_poll(std::vector<pollfd>& descriptors) {
  const std::size_t before = descriptors.size();
  std::uint32_t wait = kQuietWaitMs;
  impl_->filling = &descriptors;
  slirp_pollfds_fill(
      impl_->slirp, &wait,
      [](int fd, int events, void* opaque) -> int {
        auto& all = *Impl::of(opaque).filling;
        all.push_back({fd, to_poll(events), 0});
        return static_cast<int>(all.size()) - 1;
      },
      impl_.get());
  impl_->filling = nullptr;
  if (SteadyClock::now() - impl_->last_traffic > kQuiet &&
      std::all_of(descriptors.begin() + static_cast<std::ptrdiff_t>(before), descriptors.end(),
                  [](const pollfd& each) { return is_listener(each.fd); })) {
    wait = kQuietWaitMs;
  }
  // What waited for the guest's hardware address leaves in finish_poll(), and is thrown away after a second.
  if (std::exchange(impl_->neighbour_heard, false)) wait = 0;
  const int timer = impl_->timer_wait_ms();
  return timer < 0 ? static_cast<int>(wait) : std::min(timer, static_cast<int>(wait));
}

void SlirpStack::finish_poll(const std::vector<pollfd>& descriptors) {
  slirp_pollfds_poll(
      impl_->slirp, 0,
      [](int index, void* opaque) -> int {
        const auto& all = *static_cast<const std::vector<pollfd>*>(opaque);
        return from_poll(all[static_cast<std::size_t>(index)].revents);
      },
      const_cast<std::vector<pollfd>*>(&descriptors));
  impl_->run_timers();
}

int SlirpStack::add_forward(const ForwardSpec& forward) {
  in_addr host{};
  if (::inet_pton(AF_INET, forward.host_address.c_str(), &host) != 1) return EINVAL;
  errno = 0;
  if (slirp_add_hostfwd(impl_->slirp, 0, host, forward.host_port, impl_->guest_address, forward.guest_port) ==
      0) {
    return 0;
  }
  return errno != 0 ? errno : EINVAL;
}

bool SlirpStack::remove_forward(const std::string& host_address, std::uint16_t host_port) {
  in_addr host{};
  if (::inet_pton(AF_INET, host_address.c_str(), &host) != 1) return false;
  return slirp_remove_hostfwd(impl_->slirp, 0, host, host_port) == 0;
}

std::uint64_t SlirpStack::connections(const ForwardSpec& forward) const {
  // glib's memory is malloc's since its version 2.46.
  const std::unique_ptr<char, decltype(&std::free)> table(slirp_connection_info(impl_->slirp), &std::free);
  std::uint64_t count = 0;
  if (!table) return count;
  for (const auto line : split(table.get(), '\n')) count += is_connection_of(line, forward) ? 1U : 0U;
  return count;
}

std::uint64_t SlirpStack::guest_errors() const { return impl_->guest_errors; }

}  // namespace cove
