#include "hypervisor/qemu/qmp_client.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/io.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kMaxNoted = 128;
constexpr std::size_t kMaxNoteBytes = 1024;

}  // namespace

QmpClient::QmpClient(EventLoop& loop, UniqueFd socket, Handlers handlers)
    : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers)) {
  COVE_CHECK(set_nonblocking(socket_.get()).ok());
  readable_ = loop_.watch(socket_.get(), Ready::kRead, [this] { read_ready(); });
}

QmpClient::~QmpClient() {
  *alive_ = false;
  const Error cancelled(Code::kCancelled, "the machine is gone");
  if (auto done = std::exchange(greeted_, nullptr)) done(cancelled);
  for (auto& [id, pending] : std::exchange(pending_, {})) pending.done(cancelled);
}

void QmpClient::negotiate(std::chrono::milliseconds timeout, Done<std::string> done) {
  COVE_CHECK(!greeted_);
  greeted_ = std::move(done);
  greeting_timer_ = loop_.after(timeout, [this, timeout] {
    close(Error(Code::kDeadlineExceeded,
                "QEMU said nothing on its monitor for " +
                    std::to_string(std::chrono::duration_cast<std::chrono::seconds>(timeout).count()) +
                    " s"));
  });
}

void QmpClient::execute(std::string_view command, const Json& arguments, Done<Json> done,
                        std::chrono::milliseconds timeout) {
  if (!socket_) {
    loop_.post([done = std::move(done)] { done(Error(Code::kUnavailable, "QEMU has closed its monitor")); });
    return;
  }
  const std::uint64_t id = next_id_++;
  Pending& pending = pending_[id];
  pending.command = command;
  pending.done = std::move(done);
  pending.timer = loop_.after(timeout, [this, id, timeout, name = pending.command] {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout).count();
    finish(id, Error(Code::kDeadlineExceeded,
                     "QEMU did not answer \"" + name + "\" for " + std::to_string(seconds) + " s"));
  });
  send(qmp_command(command, arguments, id));
}

void QmpClient::drain() {
  if (socket_) read_ready();
}

void QmpClient::read_ready() {
  const auto alive = alive_;
  std::array<char, 16384> buffer;
  std::vector<QmpMessage> messages;
  while (*alive && socket_) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) return close(Error(Code::kUnavailable, "QEMU has closed its monitor"));
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    note("<", bytes);
    messages.clear();
    const auto parsed = parser_.push(bytes, messages);
    for (auto& message : messages) {
      handle(std::move(message));
      if (!*alive) return;
    }
    if (!parsed.ok()) return close(parsed.error());
  }
}

void QmpClient::handle(QmpMessage message) {
  if (auto* event = std::get_if<QmpEvent>(&message)) {
    const auto on_event = handlers_.on_event;  // may be destroyed by what it does
    if (on_event) on_event(*event);
  } else if (auto* reply = std::get_if<QmpReply>(&message)) {
    handle_reply(std::move(*reply));
  } else if (const auto* greeting = std::get_if<QmpGreeting>(&message); greeting != nullptr && greeted_) {
    greeting_timer_.reset();
    execute("qmp_capabilities", {}, [this, version = greeting->version](Result<Json> result) {
      auto done = std::exchange(greeted_, nullptr);
      if (!done) return;
      if (!result.ok()) return done(std::move(result).error());
      done(version);
    });
  }
}

void QmpClient::handle_reply(QmpReply reply) {
  if (!reply.id) return;
  if (reply.error) {
    const auto found = pending_.find(*reply.id);
    if (found == pending_.end()) return;
    return finish(*reply.id,
                  std::move(*reply.error).context("QEMU refused \"" + found->second.command + "\""));
  }
  finish(*reply.id, std::move(reply.value));
}

// The answer to a command that is no longer waited for is dropped.
void QmpClient::finish(std::uint64_t id, Result<Json> result) {
  auto node = pending_.extract(id);
  if (!node.empty()) node.mapped().done(std::move(result));
}

void QmpClient::send(std::string_view bytes) {
  note(">", bytes);
  unsent_ += bytes;
  if (!writable_) flush();
}

void QmpClient::flush() {
  while (!unsent_.empty()) {
    const ssize_t count = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      unsent_.erase(0, static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!writable_) writable_ = loop_.watch(socket_.get(), Ready::kWrite, [this] { flush(); });
      return;
    } else if (errno != EINTR) {
      unsent_.clear();  // the read side sees the same end and reports it
    }
  }
  writable_.reset();
}

void QmpClient::close(const Error& why) {
  if (!socket_) return;
  readable_.reset();
  writable_.reset();
  greeting_timer_.reset();
  socket_.reset();
  const auto alive = alive_;
  if (auto done = std::exchange(greeted_, nullptr)) done(why);
  while (*alive && !pending_.empty()) finish(pending_.begin()->first, why);
  if (*alive && handlers_.on_closed) std::exchange(handlers_.on_closed, nullptr)(why);
}

void QmpClient::note(std::string_view direction, std::string_view text) {
  for (const auto line : split(trim(text), '\n')) {
    log_.push_back(std::string(direction) + " " + std::string(trim(line).substr(0, kMaxNoteBytes)));
    if (log_.size() > kMaxNoted) log_.pop_front();
  }
}

}  // namespace cove
