// AgentKeeper: the host's side of one VM's guest agent over the machine's whole life: the link, the client,
// the greeting at each appearance, and what is known about it. Owned by the supervisor; made and destroyed on
// its loop's thread. Members may be called from any thread. Nothing here runs periodically: the link tells.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/guarded.h"
#include "base/thread.h"
#include "supervisor/agent_greeting.h"
#include "supervisor/agent_return.h"
#include "supervisor/channel_slot.h"

namespace cove {

using AgentClientFactory = std::function<std::unique_ptr<GuestAgentClient>(GuestChannel&)>;

struct AgentStatus {
  enum class State : std::uint8_t { kWaiting, kConnected, kLost };
  State state = State::kWaiting;
  std::string version;
  std::string last_error;
  std::chrono::system_clock::time_point last_seen{};
};
std::string_view to_string(AgentStatus::State state);

class AgentKeeper {
 public:
  // `appeared` is called each time the agent has answered, on the keeper's thread.
  AgentKeeper(EventLoop& relay, const AgentClientFactory& make_client, GreetingOptions options,
              FactBoard& facts, std::function<void()> appeared);
  ~AgentKeeper();
  AgentKeeper(const AgentKeeper&) = delete;

  // What guests are told from the next attach() on.
  void set_options(GreetingOptions options);
  // The agent socket of a machine that is about to start, and how its guest got there. A guest that returned
  // or was forked is told the time, and who it is, before the agent fact is met and before channel() leads to
  // it.
  void attach(UniqueFd socket, Arrival arrival);
  // The machine is gone: every stream ends.
  void detach();
  // The machine moves to another engine process (docs/design/011-hand-over.md): as AgentLink's, for the link
  // there is; done when they return. Not on the relay loop.
  void hold();
  void move_to(UniqueFd fresh, std::string unread);
  void go_on(std::string unread);
  // The guest was reset: whatever the agent was, it is not any more. What is known starts over, and the link
  // waits for an agent that answers in a new epoch.
  void guest_reset();

  GuestAgentClient& client() { return *client_; }
  // For others' calls: opens once the guest was told what it must know first.
  GuestChannel& channel() { return gate_; }
  AgentStatus status() const;
  // It has just answered someone.
  void heard();
  bool connected() const { return status().state == AgentStatus::State::kConnected; }
  // nullopt while no machine runs.
  std::optional<AgentLink::Counters> link_counters() const;
  // Drops every stream to the agent and waits until it has answered anew.
  Result<void> reconnect(const OpContext& ctx);

  // On a thread of its own, one after another; `done` is called there.
  using Job = std::function<Result<void>(const OpContext&, GuestAgentClient&)>;
  void run_later(std::chrono::milliseconds limit, Job job, std::function<void(Result<void>)> done);
  // The guest stood still for a moment and its clock fell behind. On the same thread.
  void set_clock_soon();

 private:
  struct Known {
    AgentStatus status;
    CancelSource greeting;  // of the appearance being greeted
    std::uint64_t appearances = 0;
    std::shared_ptr<const GreetingOptions> options;
    Arrival owed = Arrival::kBooted;  // what the guest was not told yet
    bool as_saved = false;            // it has not rebooted since its state was saved
    std::shared_ptr<PreparedKeys> keys;
  };

  class Gate final : public GuestChannel {
   public:
    explicit Gate(AgentKeeper& keeper) : keeper_(keeper) {}
    Result<UniqueFd> connect(const OpContext& ctx, std::uint32_t port) override;

   private:
    AgentKeeper& keeper_;
  };

  void link_changed(AgentLink::State state);
  void owe(Arrival arrival);
  void greet(const CancelToken& cancel);
  Result<AgentHello> hear_hello(const OpContext& ctx);
  Result<std::string> tell_owed(const OpContext& ctx, const Known& owed);
  void on_link(const std::function<void(VirtioSerialChannel&)>& act);
  void forget();
  void set_lost(const char* how);

  EventLoop& relay_;
  FactBoard& facts_;
  std::function<void()> appeared_;
  SystemClock clock_;
  ChannelSlot slot_;
  Gate gate_{*this};
  std::unique_ptr<GuestAgentClient> client_;
  Guarded<Known> known_;
  CancelSource ending_;
  Mailbox<std::function<void()>> greetings_{16};
  Mailbox<std::function<void()>> jobs_{16};
  Thread greeter_;
  Thread worker_;
};

}  // namespace cove
