// AgentLink: many channels over one byte stream (docs/design/002-agent-link.md); the same class at both ends.
// Each channel ends in one half of a socketpair handed to the user. Owned by whoever owns the stream. One
// thread drives it: whenever poll_fd() is readable it calls process(); with an EventLoop, attach() does that.
// The members said to be so may be called from any thread. What the other end sends is hostile: memory is
// bounded by the channel limit times the window, and nonsense puts the link out of step, never harms it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

class AgentLink {
 public:
  // The host raises epochs; the guest follows and announces itself when its end (re)starts.
  enum class Role : std::uint8_t { kHost, kGuest };
  enum class State : std::uint8_t {
    kDown,  // the other end has not answered in this epoch
    kUp,
    kClosed,  // the stream ended or broke; process() need not be called again
  };
  struct Options {
    Role role = Role::kHost;
    // Takes a stream the other end opened, or lets it close. On the driving thread; must not block.
    std::function<void(std::uint32_t port, UniqueFd stream)> on_accept;
    // On the driving thread, at each change; the guest's also from kUp to kUp, at each new epoch.
    std::function<void(State)> on_state;
  };
  struct Counters {
    std::uint64_t wakeups = 0;  // calls of process()
    std::uint64_t frames_in = 0;
    std::uint64_t frames_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t skipped_bytes = 0;  // thrown away while out of step
    std::uint64_t epochs = 0;         // times every channel was dropped
  };

  // Takes the stream (a socket, or a virtio-serial port in the guest) and makes it non-blocking.
  static Result<std::unique_ptr<AgentLink>> create(UniqueFd stream, Options options);
  virtual ~AgentLink() = default;  // closes every channel and the stream

  // Any thread. Waits for kUp, then opens a channel to `port` at the other end. kUnavailable when closed.
  virtual Result<UniqueFd> connect(const OpContext& ctx, std::uint32_t port) = 0;
  // Any thread. Waits until the other end has answered in this epoch.
  virtual Result<void> wait_up(const OpContext& ctx) = 0;
  // Any thread; host only. Drops every channel at both ends at once: after a restore or a fork.
  virtual void raise_epoch() = 0;
  // Any thread.
  virtual State state() const = 0;
  virtual Counters counters() const = 0;

  // The driving thread: the other end moves to another process (docs/design/011-hand-over.md). Nothing of the
  // link's state changes by it: half a frame sent or received goes on where it was.
  // From now on nothing is read from the stream or written to it; users' streams fill up.
  virtual void hold() = 0;
  // The old process does nothing any more: takes in what it had sent, then goes on over `fresh` (a socket).
  // `unread` is what the old process had not read; it is sent again first. An unusable `fresh` closes the
  // link. Ends the hold.
  virtual void move_to(UniqueFd fresh, std::string unread) = 0;
  // The old process goes on: the same stream, `unread` first. Ends the hold.
  virtual void go_on(std::string unread) = 0;
  // As if the stream had ended: users get what the other end had sent by now.
  virtual void close() = 0;

  // The driving thread: readable when there is something to do; process() does it without blocking.
  virtual int poll_fd() const = 0;
  virtual void process() = 0;
  // Has `loop` drive this link until the registration is dropped (before the link is).
  Registration attach(EventLoop& loop);
};

}  // namespace cove
