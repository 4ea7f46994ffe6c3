#include "rpc/connection.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/io.h"

namespace cove::rpc {
namespace {

constexpr std::size_t kReadBuffer = 256U << 10;

Result<void> poll_add(int poll, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) return Error::from_errno(errno, "epoll_ctl");
  return {};
}

void wake_up(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

Result<std::shared_ptr<Connection>> Connection::create(UniqueFd fd, Options options) {
  auto connection = std::make_shared<Connection>(Passkey{});
  COVE_TRY(connection->start(std::move(fd), std::move(options)));
  return connection;
}

Result<void> Connection::start(UniqueFd fd, Options options) {
  COVE_TRY(set_nonblocking(fd.get()));
  UniqueFd poll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!poll || !wake) return Error::from_errno(errno, "making the connection's descriptors");
  COVE_TRY(poll_add(poll.get(), wake.get(), EPOLLIN));
  COVE_TRY(poll_add(poll.get(), fd.get(), EPOLLIN));
  SessionOptions session;
  session.role = options.role;
  session.limits = options.limits;
  session.limits.stream_window = std::clamp(session.limits.stream_window, 65535U, 0x7fffffffU);
  session.on_call = std::move(options.on_call);
  // A session lives in its connection, which therefore outlives every call of these.
  session.make_stream = [this, limits = session.limits, base = options.base] {
    auto stream = std::make_shared<Stream>(shared_from_this(), limits);
    stream->source.emplace();
    stream->call.ctx = {stream->source->token(), base.deadline};
    return stream;
  };
  fd_ = fd.get();
  poll_ = poll.get();
  wake_ = wake.get();
  return state_.with([&](State& state) -> Result<void> {
    session.on_closed = [this, &state](Stream& stream) { unwatch(state, stream); };
    state.session = std::make_unique<Session>(std::move(session));
    state.fd = std::move(fd);
    state.poll = std::move(poll);
    state.wake = std::move(wake);
    COVE_TRY(state.session->start());
    flush(state);
    return {};
  });
}

Result<void> Connection::run(const OpContext& ctx) {
  auto result = loop(ctx);
  state_.with([&](State& state) {
    die(state, result.ok() ? Error(Code::kUnavailable, "the peer closed the connection") : result.error());
    state.poll.reset();
    state.fd.reset();
  });
  return result;
}

Result<void> Connection::loop(const OpContext& ctx) {
  const int cancel = ctx.cancel.fd();
  if (cancel >= 0) COVE_TRY(poll_add(poll_, cancel, EPOLLIN));
  buffer_.resize(kReadBuffer);
  for (;;) {
    const auto over = state_.with([](State& state) -> std::optional<Result<void>> {
      if (state.dead) return Result<void>(*state.dead);
      if (state.session->finished() && state.session->out().bytes() == 0) return Result<void>();
      return std::nullopt;
    });
    if (over) return *over;
    COVE_TRY(ctx.check());
    std::array<epoll_event, 16> events;
    const int count = ::epoll_wait(poll_, events.data(), events.size(), ctx.deadline.poll_timeout_ms());
    if (count < 0 && errno != EINTR) return Error::from_errno(errno, "epoll_wait");
    for (int i = 0; i < count; i++) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == wake_ || event.data.fd == cancel) continue;  // the checks above see why
      if (event.data.fd != fd_) {
        COVE_TRY(on_cancelled(event.data.fd));
        continue;
      }
      if (event.events & EPOLLOUT) state_.with([&](State& state) { flush(state); });
      if (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) {
        const auto open = on_readable();
        if (!open.ok()) return open.error().code() == Code::kOutOfRange ? Result<void>() : open;
      }
    }
  }
}

// kOutOfRange at the end of the stream.
Result<void> Connection::on_readable() {
  const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  // A peer that closes without having read everything shows as a reset.
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return Error(Code::kOutOfRange, "end of the stream");
  if (got < 0) return Error(Code::kUnavailable, Error::from_errno(errno, "reading the connection").message());
  return state_.with([&](State& state) -> Result<void> {
    if (state.dead) return *state.dead;
    COVE_TRY(state.session->receive({buffer_.data(), static_cast<std::size_t>(got)}));
    flush(state);
    return {};
  });
}

Result<void> Connection::on_cancelled(int fd) {
  state_.with([&](State& state) {
    const auto found = state.watched.find(fd);
    if (found == state.watched.end()) return;
    const auto streams = found->second;
    for (Stream* stream : streams) {
      state.session->reset(*stream, Error(Code::kCancelled, "cancelled"));
      unwatch(state, *stream);
    }
    flush(state);
  });
  return {};
}

void Connection::flush(State& state) {
  while (!state.dead && !state.write_broken) {
    const auto more = state.session->fill();
    if (!more.ok()) return die(state, more.error());
    switch (state.session->out().flush(fd_)) {
      case Flushed::kBlocked:
        return arm(state, true);
      case Flushed::kBroken:
        return on_write_broken(state, errno);
      case Flushed::kAll:
        if (!*more) return arm(state, false);
    }
  }
}

// After EPIPE the peer's last words may still be there to read; their end is noticed by the reader.
void Connection::on_write_broken(State& state, int error_number) {
  state.write_broken = true;
  state.session->out().clear();
  if (error_number == EPIPE || error_number == ECONNRESET) return arm(state, false);
  die(state,
      Error(Code::kUnavailable, Error::from_errno(error_number, "writing to the connection").message()));
}

void Connection::arm(State& state, bool write) {
  if (state.write_armed == write) return;
  state.write_armed = write;
  epoll_event event{};
  event.events = EPOLLIN | (write ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  event.data.fd = fd_;
  ::epoll_ctl(poll_, EPOLL_CTL_MOD, fd_, &event);
}

void Connection::die(State& state, const Error& why) {
  if (state.dead) return;
  state.dead = why;
  state.session->end_all(why);
  state.session->out().clear();
  wake_up(wake_);
}

void Connection::stop(const Error& why) {
  state_.with([&](State& state) { die(state, why); });
}

bool Connection::usable() const {
  // The peer's end may be there to read before run()'s thread has come to it.
  return state_.read([](const State& state) {
    return !state.dead && !state.write_broken && state.session->takes_calls() && !peer_left(state.fd.get());
  });
}

// The call's cancel token joins the descriptors that run() waits for: a call that is blocked for hours costs
// nothing.
void Connection::watch(State& state, Stream& stream) {
  const int fd = stream.call.ctx.cancel.fd();
  if (fd < 0) return;
  auto& streams = state.watched[fd];
  streams.push_back(&stream);
  if (streams.size() == 1) static_cast<void>(poll_add(poll_, fd, EPOLLIN | EPOLLONESHOT));
}

void Connection::unwatch(State& state, Stream& stream) {
  const auto found = state.watched.find(stream.call.ctx.cancel.fd());
  if (found == state.watched.end()) return;
  std::erase(found->second, &stream);
  if (!found->second.empty()) return;
  ::epoll_ctl(poll_, EPOLL_CTL_DEL, found->first, nullptr);
  state.watched.erase(found);
}

Result<std::shared_ptr<Stream>> Connection::open(Opening opening) {
  return state_.with([&](State& state) -> Result<std::shared_ptr<Stream>> {
    if (state.dead) return *state.dead;
    if (state.write_broken) return Error(Code::kUnavailable, "the peer closed the connection");
    auto stream = std::make_shared<Stream>(shared_from_this(), state.session->limits());
    stream->call = std::move(opening.call);
    COVE_TRY(state.session->open(stream, opening.headers));
    watch(state, *stream);
    if (opening.only_message) {
      state.session->send(*stream, *std::move(opening.only_message));
      state.session->close_send(*stream);
    }
    flush(state);
    return stream;
  });
}

void Connection::send(Stream& stream, std::string message) {
  state_.with([&](State& state) {
    if (state.dead) return;
    state.session->send(stream, std::move(message));
    flush(state);
  });
}

void Connection::close_send(Stream& stream) {
  state_.with([&](State& state) {
    if (state.dead) return;
    state.session->close_send(stream);
    flush(state);
  });
}

void Connection::finish(Stream& stream, const Result<void>& status) {
  state_.with([&](State& state) {
    if (state.dead) return;
    if (stream.last && status.ok()) state.session->send(stream, *std::exchange(stream.last, std::nullopt));
    state.session->finish(stream, status);
    flush(state);
  });
}

void Connection::reset(Stream& stream, const Error& why) {
  state_.with([&](State& state) {
    if (state.dead) return;
    state.session->reset(stream, why);
    flush(state);
  });
}

void Connection::credit(Stream& stream, std::size_t bytes) {
  state_.with([&](State& state) {
    if (state.dead) return;
    state.session->credit(stream, bytes + stream.take_partial_credit());
    flush(state);
  });
}

}  // namespace cove::rpc
