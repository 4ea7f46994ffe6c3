#include "channel/agent_link.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/io.h"
#include "base/strings.h"
#include "channel/link_impl.h"

namespace cove {
namespace internal {

std::uint32_t random_epoch() {
  std::uint32_t epoch = 0;
  while (epoch == 0) epoch = get_u32(random_bytes(4).data());
  return epoch;
}

bool is_socket(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

// Life -------------------------------------------------------------------------------------------------

Result<void> Link::start() {
  epoll_event wake{EPOLLIN, {.u64 = kWakeTag}};
  epoll_event link{EPOLLIN, {.u64 = kLinkTag}};
  if (::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, wake_.get(), &wake) < 0 ||
      ::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, stream_.get(), &link) < 0) {
    return Error::from_errno(errno, "watching the agent link");
  }
  link_mask_ = EPOLLIN;
  start_epoch(options_.role == Role::kHost ? random_epoch() : 0);
  write_link();
  watch_link();
  return {};
}

void Link::set_state(State state) {
  state_ = state;
  std::vector<Command> refused;
  shared_.with([&](Shared& s) {
    s.state = state;
    if (state == State::kClosed) refused.swap(s.commands);
  });
  if (options_.on_state) options_.on_state(state);
}

// Drops everything of the old epoch and tells the other end. What was half written is cut: the preamble ends
// it.
void Link::start_epoch(std::uint32_t epoch) {
  channels_.clear();
  stalled_.clear();
  epoch_ = epoch;
  greet();
  count_.epochs.fetch_add(1, std::memory_order_relaxed);
}

void Link::greet() {
  out_.clear();
  append_preamble(out_);
  append_hello(out_, epoch_, {.window = kWindowBytes});
}

void Link::close_link() {
  if (state_ == State::kClosed) return;
  set_state(State::kClosed);  // first: whoever sees a stream end and connects again is told so
  channels_.clear();
  stalled_.clear();
  out_.clear();
  stream_.reset();
}

AgentLink::Counters Link::counters() const {
  const auto get = [](const std::atomic<std::uint64_t>& value) {
    return value.load(std::memory_order_relaxed);
  };
  return {get(count_.wakeups),   get(count_.frames_in), get(count_.frames_out), get(count_.bytes_in),
          get(count_.bytes_out), get(count_.skipped),   get(count_.epochs)};
}

// Other threads ----------------------------------------------------------------------------------------

void Link::send_command(Command command) {
  // A stream asked for after the end closes with the command.
  const bool open = shared_.with([&](Shared& s) {
    if (s.state != State::kClosed) s.commands.push_back(std::move(command));
    return s.state != State::kClosed;
  });
  if (!open) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

Result<void> Link::wait_up(const OpContext& ctx) {
  State state = State::kDown;
  COVE_TRY(shared_
               .wait(
                   ctx, [](const Shared& s) { return s.state != State::kDown; },
                   [&](const Shared& s) { state = s.state; })
               .context("waiting for the guest agent"));
  if (state == State::kClosed) return Error(Code::kUnavailable, "the agent link is closed");
  return {};
}

Result<UniqueFd> Link::connect(const OpContext& ctx, std::uint32_t port) {
  COVE_TRY(wait_up(ctx));
  auto [user, local] = COVE_TRY(make_socketpair(SOCK_STREAM));
  send_command(OpenCommand{port, std::move(local)});
  return std::move(user);
}

// Down at once, so that a connect() that follows waits for the new epoch.
void Link::raise_epoch() {
  shared_.with([](Shared& s) {
    if (s.state == State::kUp) s.state = State::kDown;
  });
  send_command(RaiseEpochCommand{});
}

void Link::run_commands() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const auto count = ::read(wake_.get(), &ignored, sizeof ignored);
  auto commands = shared_.with([](Shared& s) { return std::exchange(s.commands, {}); });
  for (auto& command : commands) {
    if (state_ == State::kClosed) return;
    if (auto* open = std::get_if<OpenCommand>(&command)) {
      open_channel(std::move(*open));
    } else if (options_.role == Role::kHost) {
      set_state(State::kDown);
      start_epoch(random_epoch());
    }
  }
}

// The link itself --------------------------------------------------------------------------------------

std::optional<std::size_t> Link::read_stream() {
  const auto room = decoder_.space();
  ssize_t count = 0;
  do count = ::read(stream_.get(), room.data(), room.size());
  while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) return std::nullopt;
  if (count <= 0) return 0;
  const auto bytes = static_cast<std::size_t>(count);
  count_.bytes_in.fetch_add(bytes, std::memory_order_relaxed);
  decoder_.commit(bytes);
  while (const auto frame = decoder_.next()) handle(*frame);
  count_.skipped.store(decoder_.skipped_bytes(), std::memory_order_relaxed);
  return bytes;
}

void Link::close() {
  // Its last words, such as the answer to a wish to power off.
  for (std::size_t taken = 0; state_ != State::kClosed && taken < kMaxWindowBytes;) {
    const auto count = read_stream();
    if (!count || *count == 0) break;
    taken += *count;
  }
  close_link();
}

void Link::read_link() {
  std::size_t taken = 0;
  while (taken < kInBudgetBytes && out_.size() < kOutStopBytes) {
    const auto count = read_stream();
    if (!count) return;
    if (*count == 0) return close_link();
    taken += *count;
  }
}

ssize_t Link::write_stream() {
  return is_socket_ ? ::send(stream_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                    : ::write(stream_.get(), out_.data(), out_.size());
}

void Link::write_link() {
  write_blocked_ = false;
  std::size_t sent = 0;
  while (state_ != State::kClosed) {
    if (!stalled_.empty() && out_.size() < kOutHighBytes) read_stalled();
    if (out_.empty() || held_) return;
    if (sent >= kOutBudgetBytes) {  // the others' turn; the poller comes back at once
      write_blocked_ = true;
      return;
    }
    const ssize_t count = write_stream();
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      count_.bytes_out.fetch_add(static_cast<std::uint64_t>(count), std::memory_order_relaxed);
      out_.consume(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      write_blocked_ = true;
      return;
    } else if (errno != EINTR) {
      return close_link();
    }
  }
}

void Link::watch_link() {
  if (state_ == State::kClosed || held_) return;
  const std::uint32_t mask = (out_.size() < kOutStopBytes ? std::uint32_t{EPOLLIN} : 0U) |
                             (write_blocked_ ? std::uint32_t{EPOLLOUT} : 0U);
  if (mask == link_mask_) return;
  link_mask_ = mask;
  epoll_event event{mask, {.u64 = kLinkTag}};
  ::epoll_ctl(poller_.get(), EPOLL_CTL_MOD, stream_.get(), &event);
}

void Link::process() {
  count_.wakeups.fetch_add(1, std::memory_order_relaxed);
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count && state_ != State::kClosed; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kWakeTag) {
      run_commands();
    } else if (event.data.u64 == kLinkTag) {
      if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) read_link();
    } else {
      channel_event(static_cast<std::uint32_t>(event.data.u64), event.events);
    }
  }
  write_link();
  watch_link();
}

}  // namespace internal

Result<std::unique_ptr<AgentLink>> AgentLink::create(UniqueFd stream, Options options) {
  COVE_TRY(set_nonblocking(stream.get()));
  UniqueFd poller(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!poller || !wake) return Error::from_errno(errno, "making the agent link's poller");
  auto link = std::make_unique<internal::Link>(std::move(stream), std::move(poller), std::move(wake),
                                               std::move(options));
  COVE_TRY(link->start());
  return std::unique_ptr<AgentLink>(std::move(link));
}

Registration AgentLink::attach(EventLoop& loop) {
  return loop.watch(poll_fd(), Ready::kRead, [this] { process(); });
}

}  // namespace cove
