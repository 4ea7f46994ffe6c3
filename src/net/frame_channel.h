// FrameChannel: Ethernet frames between the user network and one QEMU process (-netdev dgram on an inherited
// datagram socketpair), with a queue of its own for what QEMU does not read in time, and the hand-over of
// both directions to a fresh pair. Owned by UserNetwork and used on its thread only; nothing here blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

// Both ends of one QEMU process's frame socket. `qemu` is kept open here as well, so that frames QEMU has not
// read can be taken back; QEMU inherits a duplicate. Never give two processes the same pair: a QEMU that
// waits for its state swallows a frame.
struct FramePair {
  UniqueFd ours;
  UniqueFd qemu;
};

// Close-on-exec, ours non-blocking, buffers for some dozens of large frames.
Result<FramePair> make_frame_pair();

using FrameView = std::span<const std::uint8_t>;
using FrameSink = std::function<void(FrameView)>;

struct FrameLimits {
  std::size_t frames = 1024;
  std::size_t bytes = 8 << 20;
};

// "Out" is towards the guest, "in" is from the guest.
struct FrameCounters {
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t frames_in = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t dropped_out = 0;    // queue full, or no QEMU to take the frame
  std::uint64_t dropped_in = 0;     // longer than any frame of ours
  std::uint64_t queued_frames = 0;  // now
  std::uint64_t queued_bytes = 0;   // now
  std::uint64_t queued_peak = 0;    // most frames that ever waited
  std::uint64_t carried_out = 0;    // taken back unread from an old pair by swap()
  std::uint64_t carried_in = 0;     // read from an old pair by swap()
};

class FrameChannel final {
 public:
  // The longest frame: 65520 bytes of payload, Ethernet header, one VLAN tag.
  static constexpr std::size_t kMaxFrameBytes = 65520 + 18;

  explicit FrameChannel(FrameLimits limits);

  // Drops the old pair and what waited for it; the gate stays as it is.
  void attach(FramePair pair);
  void detach();
  // Closed gate: frames for the guest wait in the queue.
  void close_gate() { gated_ = true; }
  // Opens it and sends what waited.
  void open_gate();
  // Changes to a fresh pair without loss. The old QEMU must have stopped and answered one more command. Reads
  // what it had sent into `from_guest`, takes what it had not read back to the front of the queue, in order.
  // kFailedPrecondition unless the gate is closed.
  Result<void> swap(FramePair fresh, const FrameSink& from_guest);

  // Towards the guest: sent at once, queued, or dropped when the queue is at its limits.
  void send(FrameView frame);
  // Sends what waits until the socket is full.
  void flush();
  // Reads up to one batch of frames; returns how many.
  std::size_t receive(const FrameSink& from_guest);

  int fd() const { return pair_.ours.get(); }  // -1 when detached
  bool wants_write() const { return !gated_ && !queue_.empty() && pair_.ours.valid(); }
  FrameCounters counters() const;

 private:
  using Frame = std::vector<std::uint8_t>;
  enum class Sent : std::uint8_t { kYes, kFull, kLost };

  Sent send_now(FrameView frame);
  void enqueue(FrameView frame);
  std::vector<Frame> take_back_unread();
  void clear_queue();

  FrameLimits limits_;
  FramePair pair_;
  bool gated_ = false;
  std::deque<Frame> queue_;
  std::size_t queued_bytes_ = 0;
  std::unique_ptr<std::uint8_t[]> batch_;  // receive buffers, touched only as far as frames are long
  FrameCounters counters_;
};

}  // namespace cove
