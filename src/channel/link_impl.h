// Link: AgentLink's one implementation. agent_link.cpp has its life, its thread and the stream; link_move.cpp
// the change to another stream; link_frames.cpp the channels and what the other end says. Private to the
// library.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/guarded.h"
#include "channel/agent_link.h"
#include "channel/frame.h"
#include "channel/link_channel.h"

namespace cove::internal {

constexpr std::uint32_t kWindowBytes = 1U << 20U;
constexpr std::uint32_t kMaxWindowBytes = 16U << 20U;
constexpr std::size_t kMaxChannels = 256;
// Channels are read while less than this waits for the link: little, so that a key press waits behind little.
constexpr std::size_t kOutHighBytes = std::size_t{128} << 10U;
// Only an end that asks and does not read gets here; it is not listened to until it reads.
constexpr std::size_t kOutStopBytes = std::size_t{1} << 20U;
// What one process() takes from the link before others get their turn.
constexpr std::size_t kInBudgetBytes = std::size_t{512} << 10U;
constexpr std::size_t kOutBudgetBytes = std::size_t{1} << 20U;
constexpr std::size_t kHelloFrameBytes = kFrameHeaderBytes + HelloPayload::kBytes + kFrameTrailerBytes;
constexpr int kFramesPerTurn = 4;
constexpr std::uint64_t kLinkTag = ~std::uint64_t{0};
constexpr std::uint64_t kWakeTag = kLinkTag - 1;
constexpr std::uint16_t kDynamicHost = 0x8000;
constexpr std::uint16_t kDynamicGuest = 0xc000;

struct OpenCommand {
  std::uint32_t port;
  UniqueFd local;
};
struct RaiseEpochCommand {};
using Command = std::variant<OpenCommand, RaiseEpochCommand>;

// What other threads see and leave.
struct Shared {
  AgentLink::State state = AgentLink::State::kDown;
  std::vector<Command> commands;
};

std::uint32_t random_epoch();
bool is_socket(int fd);

class Link final : public AgentLink {
 public:
  Link(UniqueFd stream, UniqueFd poller, UniqueFd wake, Options options)
      : stream_(std::move(stream)),
        is_socket_(is_socket(stream_.get())),
        poller_(std::move(poller)),
        wake_(std::move(wake)),
        options_(std::move(options)) {}

  Result<void> start();
  Result<UniqueFd> connect(const OpContext& ctx, std::uint32_t port) override;
  Result<void> wait_up(const OpContext& ctx) override;
  void raise_epoch() override;
  State state() const override {
    return shared_.read([](const Shared& s) { return s.state; });
  }
  Counters counters() const override;
  int poll_fd() const override { return poller_.get(); }
  void process() override;
  void hold() override;
  void move_to(UniqueFd fresh, std::string unread) override;
  void go_on(std::string unread) override;
  void close() override;

 private:
  using Channels = std::map<std::uint32_t, LinkChannel>;

  void send_command(Command command);
  void run_commands();
  void open_channel(OpenCommand command);
  std::optional<std::uint16_t> free_number(std::uint32_t port) const;
  LinkChannel* add_channel(std::uint16_t number, std::uint8_t generation, UniqueFd local);

  void set_state(State state);
  void start_epoch(std::uint32_t epoch);
  void greet();
  void close_link();

  // Reads once and handles what came. nullopt: nothing there now; 0: the end, or an error.
  std::optional<std::size_t> read_stream();
  void read_link();
  void end_hold(std::string_view unread);
  void handle(const Frame& frame);
  void handle_hello(const Frame& frame);
  void guest_started();
  void handle_open(const Frame& frame);
  void handle_channel(const Frame& frame);
  void after_local_write(LinkChannel& channel, LinkChannel::Write result);
  void send(FrameKind kind, const LinkChannel& channel, std::string_view payload = {});

  void channel_event(std::uint32_t key, std::uint32_t events);
  // Reads up to `frames` frames from the user; stalls the channel when there is no room or credit.
  void read_channel(LinkChannel& channel, int frames);
  void read_stalled();
  void watch(LinkChannel& channel, std::uint32_t mask);
  void drop(LinkChannel& channel, std::optional<FrameKind> farewell);
  void drop_finished(LinkChannel& channel) {
    if (channel.finished()) drop(channel, std::nullopt);
  }
  ssize_t write_stream();
  void write_link();
  void watch_link();

  UniqueFd stream_;
  bool is_socket_;
  UniqueFd poller_;
  UniqueFd wake_;
  Options options_;
  Guarded<Shared> shared_;

  State state_ = State::kDown;
  std::uint32_t epoch_ = 0;
  std::uint32_t peer_window_ = 0;
  std::size_t peer_payload_ = kMaxPayloadBytes;
  FrameDecoder decoder_;
  ByteQueue out_;
  bool write_blocked_ = false;
  bool held_ = false;  // the stream is not in the poller
  std::uint32_t link_mask_ = 0;
  Channels channels_;
  std::vector<std::uint32_t> stalled_;
  std::uint8_t generation_ = 0;

  struct {
    std::atomic<std::uint64_t> wakeups{0}, frames_in{0}, frames_out{0}, bytes_in{0}, bytes_out{0}, skipped{0},
        epochs{0};
  } count_;
};

}  // namespace cove::internal
