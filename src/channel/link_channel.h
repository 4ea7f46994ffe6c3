// LinkChannel: the state of one channel of an AgentLink: our end of the user's socketpair, what waits to be
// written to it, and the credit in both directions. Owned by the link; its driving thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/unique_fd.h"
#include "channel/byte_queue.h"
#include "channel/frame.h"

namespace cove {

class LinkChannel {
 public:
  LinkChannel(std::uint16_t number, std::uint8_t generation, UniqueFd local, std::uint32_t send_window,
              std::uint32_t receive_window);

  std::uint32_t key() const { return key_of(number_, generation_); }
  static std::uint32_t key_of(std::uint16_t number, std::uint8_t generation) {
    return number | static_cast<std::uint32_t>(generation) << 16U;
  }
  std::uint16_t number() const { return number_; }
  std::uint8_t generation() const { return generation_; }
  int fd() const { return local_.get(); }

  // Local to remote -----------------------------------------------------------------------------------
  enum class Read : std::uint8_t { kData, kNothingNow, kEnd, kClosed };
  // Reads at most one frame's worth from the user straight into a DATA frame of `out`.
  Read read_frame(ByteQueue& out, std::uint32_t epoch, std::size_t max_payload);
  bool may_send() const { return send_credit_ > 0 && !read_ended_; }
  void add_credit(std::uint32_t bytes);
  bool read_ended() const { return read_ended_; }
  void end_reading() { read_ended_ = true; }

  // Remote to local -----------------------------------------------------------------------------------
  enum class Write : std::uint8_t { kOk, kGone, kTooMuch };
  // Gives bytes to the user, keeping what does not fit. kTooMuch: the other end ignores its credit.
  Write deliver(std::string_view bytes);
  // Gives the user more of what was kept.
  Write flush();
  bool has_pending() const { return !pending_.empty(); }
  // Credit to give back to the other end now, if it is worth a frame.
  std::optional<std::uint32_t> take_credit();
  // The other end sends no more: after what is pending the user sees the end of the stream.
  void end_writing();
  // The other end is gone: the channel lives on only until the user has what is pending.
  void close_remote();
  bool remote_closed() const { return remote_closed_; }
  bool finished() const;

  // What the poller is told to watch; kept here so that it is told only of changes.
  std::uint32_t poll_mask = 0;
  bool stalled = false;  // not read for lack of room or credit: readable or not is unknown

 private:
  Write write_local(std::string_view& bytes);

  std::uint16_t number_;
  std::uint8_t generation_;
  bool read_ended_ = false;
  bool write_ended_ = false;
  bool remote_closed_ = false;
  UniqueFd local_;
  ByteQueue pending_;
  std::uint32_t send_credit_;
  std::uint32_t receive_window_;
  std::uint32_t receive_left_;  // what the other end may still send
  std::uint32_t unreturned_ = 0;
};

}  // namespace cove
