#include "net/frame_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/io.h"

namespace cove {
namespace {

constexpr int kSocketBufferBytes = 4 << 20;
constexpr std::size_t kBatchFrames = 16;
// One byte more than a frame, so that a longer one is seen to be too long.
constexpr std::size_t kSlotBytes = FrameChannel::kMaxFrameBytes + 2;

Result<void> enlarge_buffers(int fd) {
  for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
    // The kernel caps this at net.core.wmem_max and rmem_max; what it grants is enough to work.
    if (::setsockopt(fd, SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes) < 0) {
      return Error::from_errno(errno, "setsockopt");
    }
  }
  return {};
}

}  // namespace

Result<FramePair> make_frame_pair() {
  auto [ours, qemu] = COVE_TRY(make_socketpair(SOCK_DGRAM));
  COVE_TRY(enlarge_buffers(ours.get()));
  COVE_TRY(enlarge_buffers(qemu.get()));
  COVE_TRY(set_nonblocking(ours.get()));
  return FramePair{std::move(ours), std::move(qemu)};
}

FrameChannel::FrameChannel(FrameLimits limits)
    : limits_(limits), batch_(std::make_unique_for_overwrite<std::uint8_t[]>(kBatchFrames * kSlotBytes)) {}

void FrameChannel::attach(FramePair pair) {
  clear_queue();
  pair_ = std::move(pair);
}

void FrameChannel::detach() { attach({}); }

void FrameChannel::clear_queue() {
  counters_.dropped_out += queue_.size();
  queue_.clear();
  queued_bytes_ = 0;
}

void FrameChannel::open_gate() {
  gated_ = false;
  flush();
}

Result<void> FrameChannel::swap(FramePair fresh, const FrameSink& from_guest) {
  if (!gated_) return Error(Code::kFailedPrecondition, "the frame gate is open");
  if (pair_.ours.valid()) {
    const std::uint64_t before = counters_.frames_in;
    while (receive(from_guest) > 0) {
    }
    counters_.carried_in += counters_.frames_in - before;
    std::vector<Frame> unread = take_back_unread();
    for (const Frame& frame : unread) queued_bytes_ += frame.size();
    queue_.insert(queue_.begin(), std::make_move_iterator(unread.begin()),
                  std::make_move_iterator(unread.end()));
  }
  pair_ = std::move(fresh);
  return {};
}

std::vector<FrameChannel::Frame> FrameChannel::take_back_unread() {
  std::vector<Frame> unread;
  for (;;) {
    const ssize_t count = ::recv(pair_.qemu.get(), batch_.get(), kSlotBytes, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    unread.emplace_back(batch_.get(), batch_.get() + count);
    // They were counted when they went into the socket, and will be again when they leave for the new one.
    counters_.frames_out--;
    counters_.bytes_out -= static_cast<std::uint64_t>(count);
  }
  counters_.carried_out += unread.size();
  return unread;
}

void FrameChannel::send(FrameView frame) {
  if (!pair_.ours.valid()) {
    counters_.dropped_out++;
    return;
  }
  // Behind a queue that waits for room a frame waits too: frames keep their order.
  if (gated_ || !queue_.empty() || send_now(frame) == Sent::kFull) enqueue(frame);
}

FrameChannel::Sent FrameChannel::send_now(FrameView frame) {
  for (;;) {
    const ssize_t count = ::send(pair_.ours.get(), frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      counters_.frames_out++;
      counters_.bytes_out += frame.size();
      return Sent::kYes;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS) return Sent::kFull;
    counters_.dropped_out++;
    return Sent::kLost;
  }
}

void FrameChannel::enqueue(FrameView frame) {
  if (queue_.size() >= limits_.frames || queued_bytes_ + frame.size() > limits_.bytes) {
    counters_.dropped_out++;
    return;
  }
  queue_.emplace_back(frame.begin(), frame.end());
  queued_bytes_ += frame.size();
  counters_.queued_peak = std::max<std::uint64_t>(counters_.queued_peak, queue_.size());
}

void FrameChannel::flush() {
  while (wants_write() && send_now(queue_.front()) != Sent::kFull) {
    queued_bytes_ -= queue_.front().size();
    queue_.pop_front();
  }
}

std::size_t FrameChannel::receive(const FrameSink& from_guest) {
  if (!pair_.ours.valid()) return 0;
  std::array<iovec, kBatchFrames> slots;
  std::array<mmsghdr, kBatchFrames> messages{};
  for (std::size_t i = 0; i < kBatchFrames; i++) {
    slots[i] = {batch_.get() + i * kSlotBytes, kSlotBytes};
    messages[i].msg_hdr.msg_iov = &slots[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = ::recvmmsg(pair_.ours.get(), messages.data(), kBatchFrames, MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  const auto frames = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < frames; i++) {
    const std::size_t length = messages[i].msg_len;
    if (length > kMaxFrameBytes) {
      counters_.dropped_in++;
      continue;
    }
    counters_.frames_in++;
    counters_.bytes_in += length;
    from_guest(FrameView(batch_.get() + i * kSlotBytes, length));
  }
  return frames;
}

FrameCounters FrameChannel::counters() const {
  FrameCounters now = counters_;
  now.queued_frames = queue_.size();
  now.queued_bytes = queued_bytes_;
  return now;
}

}  // namespace cove
