// QmpClient: the conversation with one QEMU over its QMP socket. Owned by QemuMachine, used and called back
// on the loop's thread. Commands may overlap; each is answered exactly once: by QEMU, by its timeout, or with
// kUnavailable when the socket ends. May be destroyed inside its own callbacks; commands still open are then
// answered with kCancelled.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/json.h"
#include "base/unique_fd.h"
#include "wire/qmp_message.h"

namespace cove {

class QmpClient {
 public:
  struct Handlers {
    std::function<void(const QmpEvent&)> on_event;
    // Once, when QEMU has closed the socket or said something unreadable; not after destruction.
    std::function<void(const Error&)> on_closed;
  };
  static constexpr auto kTimeout = std::chrono::seconds(30);

  QmpClient(EventLoop& loop, UniqueFd socket, Handlers handlers);
  ~QmpClient();
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  // Waits for the greeting and leaves negotiation mode; gives QEMU's version. Once, before any command.
  void negotiate(std::chrono::milliseconds timeout, Done<std::string> done);
  void execute(std::string_view command, const Json& arguments, Done<Json> done,
               std::chrono::milliseconds timeout = kTimeout);
  // Handles what has already arrived, e.g. the last events of a QEMU that has just ended.
  void drain();
  // The last messages in both directions, oldest first, each shortened: evidence for a failure.
  std::vector<std::string> conversation() const { return {log_.begin(), log_.end()}; }

 private:
  struct Pending {
    std::string command;
    Done<Json> done;
    Registration timer;
  };
  void read_ready();
  void handle(QmpMessage message);
  void handle_reply(QmpReply reply);
  void finish(std::uint64_t id, Result<Json> result);
  void send(std::string_view bytes);
  void flush();
  void close(const Error& why);
  void note(std::string_view direction, std::string_view text);

  EventLoop& loop_;
  UniqueFd socket_;
  Handlers handlers_;
  QmpParser parser_;
  Registration readable_;
  Registration writable_;
  std::string unsent_;
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t next_id_ = 1;
  Done<std::string> greeted_;
  Registration greeting_timer_;
  std::deque<std::string> log_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false once destroyed
};

}  // namespace cove
