#include "supervisor/console_hub.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/io.h"
#include "base/loop_thread.h"

namespace cove {
namespace {

constexpr std::size_t kMaxPending = std::size_t{256} << 10U;  // for one reader
constexpr std::size_t kMaxTyped = std::size_t{64} << 10U;
constexpr std::size_t kMaxReaders = 64;

bool hung_up(int fd) {
  pollfd state{fd, 0, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
}

}  // namespace

struct ConsoleHub::Reader {
  UniqueFd fd;
  std::string pending;  // for it, not yet taken by it
  std::uint64_t skipped = 0;
  Registration readable;
  Registration writable;

  // False: it has gone.
  bool flush() {
    while (!pending.empty()) {
      const ssize_t count = ::send(fd.get(), pending.data(), pending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno == EAGAIN;
      pending.erase(0, static_cast<std::size_t>(count));
    }
    return true;
  }

  void add(std::string_view bytes) {
    if (pending.size() + bytes.size() > kMaxPending) {
      skipped += bytes.size();
      return;
    }
    if (skipped > 0) pending += "\r\n[" + std::to_string(std::exchange(skipped, 0)) + " bytes skipped]\r\n";
    pending += bytes;
  }
};

ConsoleHub::ConsoleHub(EventLoop& relay, ConsoleLog log, Handlers handlers)
    : relay_(relay), log_(std::move(log)), handlers_(std::move(handlers)) {}

ConsoleHub::~ConsoleHub() = default;

Result<std::unique_ptr<ConsoleHub>> ConsoleHub::create(EventLoop& relay,
                                                       const std::filesystem::path& log_path,
                                                       Handlers handlers) {
  ConsoleLog log = COVE_TRY(ConsoleLog::open(log_path));
  return std::unique_ptr<ConsoleHub>(new ConsoleHub(relay, std::move(log), std::move(handlers)));
}

void ConsoleHub::attach_guest(UniqueFd console) {
  // std::function must be copyable.
  auto fd = std::make_shared<UniqueFd>(std::move(console));
  relay_.post([this, fd, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    guest_write_.reset();
    guest_read_.reset();
    if (guest_) guest_readable();  // the last words of the old one
    guest_ = std::move(*fd);
    spoken_ = false;
    held_ = false;
    input_.clear();
    if (guest_ && set_nonblocking(guest_.get()).ok()) {
      guest_read_ = relay_.watch(guest_.get(), Ready::kRead, [this] { guest_readable(); });
    }
  });
}

ConsoleHub::Took ConsoleHub::take_some() {
  char chunk[16384];
  ssize_t count = 0;
  do count = ::read(guest_.get(), chunk, sizeof chunk);
  while (count < 0 && errno == EINTR);
  if (count > 0) take_output({chunk, static_cast<std::size_t>(count)});
  if (count > 0) return Took::kSome;
  return count < 0 && errno == EAGAIN ? Took::kNothingNow : Took::kEnd;
}

void ConsoleHub::guest_readable() {
  for (int turn = 0; turn < 16; ++turn) {
    const Took took = take_some();
    if (took == Took::kEnd) guest_read_.reset();
    if (took != Took::kSome) return;
  }
}

void ConsoleHub::hold() {
  do_on(relay_, [this] {
    held_ = true;
    guest_read_.reset();
    guest_write_.reset();
  });
}

void ConsoleHub::move_to(UniqueFd fresh, std::string unread) {
  do_on(relay_, [&] {
    guest_write_.reset();
    guest_read_.reset();
    while (guest_ && take_some() == Took::kSome) {
    }
    guest_ = std::move(fresh);
    if (guest_ && set_nonblocking(guest_.get()).ok()) end_hold(unread);
  });
}

void ConsoleHub::go_on(std::string unread) {
  do_on(relay_, [&] {
    if (guest_) end_hold(unread);
  });
}

void ConsoleHub::end_hold(std::string_view unread) {
  held_ = false;
  input_.insert(0, unread);
  guest_read_ = relay_.watch(guest_.get(), Ready::kRead, [this] { guest_readable(); });
  flush_input();
}

void ConsoleHub::take_output(std::string_view bytes) {
  log_.append(bytes);
  tail_.with([&](ConsoleTail& tail) { tail.append(bytes); });
  if (!std::exchange(spoken_, true) && handlers_.on_first_output) handlers_.on_first_output();
  if (const auto reason = panics_.push(bytes); reason && handlers_.on_panic) handlers_.on_panic(*reason);
  deliver(bytes);
}

void ConsoleHub::deliver(std::string_view bytes) {
  std::vector<const Reader*> gone;
  for (const auto& reader : readers_) {
    reader->add(bytes);
    if (!reader->flush()) {
      gone.push_back(reader.get());
    } else if (!reader->pending.empty() && !reader->writable) {
      Reader* raw = reader.get();
      raw->writable = relay_.watch(raw->fd.get(), Ready::kWrite, [this, raw] {
        if (!raw->flush()) return remove(*raw);
        if (raw->pending.empty()) raw->writable.reset();
      });
    }
  }
  for (const auto* reader : gone) remove(*reader);
}

std::uint64_t ConsoleHub::position(std::uint64_t replay_bytes) const {
  const std::uint64_t end = tail_.read([](const ConsoleTail& tail) { return tail.end(); });
  return end - std::min(end, replay_bytes);
}

void ConsoleHub::add_reader(RawStream stream, std::uint64_t from) {
  auto shared = std::make_shared<RawStream>(std::move(stream));
  relay_.post([this, shared, from, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    readers_.remove_if([](const auto& entry) { return hung_up(entry->fd.get()); });
    if (readers_.size() >= kMaxReaders) return;
    auto reader = std::make_unique<Reader>();
    reader->fd = std::move(shared->fd);
    reader->pending = tail_.with([&](ConsoleTail& tail) { return tail.from(from); });
    Reader* raw = reader.get();
    readers_.push_back(std::move(reader));
    raw->readable = relay_.watch(raw->fd.get(), Ready::kRead, [this, raw] { reader_readable(*raw); });
    type(shared->early);
    deliver({});
  });
}

void ConsoleHub::reader_readable(Reader& reader) {
  char chunk[4096];
  const ssize_t count = ::recv(reader.fd.get(), chunk, sizeof chunk, MSG_DONTWAIT);
  if (count > 0) return type({chunk, static_cast<std::size_t>(count)});
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  // The end of its input. One that closed only its sending half still listens, until sending to it fails.
  if (count < 0 || hung_up(reader.fd.get())) return remove(reader);
  reader.readable.reset();
}

void ConsoleHub::type(std::string_view bytes) {
  if (!guest_) return;
  input_ += bytes.substr(0, kMaxTyped - std::min(kMaxTyped, input_.size()));
  flush_input();
}

void ConsoleHub::flush_input() {
  if (held_) return;
  while (!input_.empty()) {
    const ssize_t count = ::send(guest_.get(), input_.data(), input_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (!guest_write_) {
        guest_write_ = relay_.watch(guest_.get(), Ready::kWrite, [this] { flush_input(); });
      }
      return;
    }
    if (count < 0) input_.clear();
    if (count > 0) input_.erase(0, static_cast<std::size_t>(count));
  }
  guest_write_.reset();
}

void ConsoleHub::remove(const Reader& reader) {
  readers_.remove_if([&](const auto& entry) { return entry.get() == &reader; });
}

std::vector<std::string> ConsoleHub::last_lines(std::size_t count) const {
  return tail_.read([&](const ConsoleTail& tail) { return tail.lines(count); });
}

}  // namespace cove
