#include "rpc/out_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

namespace cove::rpc {
namespace {

constexpr std::size_t kCopyBelow = 4096;
constexpr std::size_t kCopyPiece = 16384;
constexpr std::size_t kVectors = 64;

ssize_t write_vectors(int fd, iovec* vectors, std::size_t count) {
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  return ::writev(fd, vectors, static_cast<int>(count));
}

}  // namespace

void OutQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (pieces_.empty() || pieces_.back().owner || pieces_.back().copy.size() > kCopyPiece)
    pieces_.emplace_back();
  pieces_.back().copy.append(bytes);
  bytes_ += bytes.size();
}

void OutQueue::append(const std::shared_ptr<const std::string>& owner, std::string_view slice) {
  if (slice.size() < kCopyBelow) return append(slice);
  pieces_.push_back({{}, owner, slice});
  bytes_ += slice.size();
}

void OutQueue::clear() {
  pieces_.clear();
  front_offset_ = 0;
  bytes_ = 0;
}

Flushed OutQueue::flush(int fd) {
  while (!pieces_.empty()) {
    std::array<iovec, kVectors> vectors;
    std::size_t count = 0;
    for (const Piece& piece : pieces_) {
      if (count == kVectors) break;
      std::string_view view = piece.view();
      if (count == 0) view.remove_prefix(front_offset_);
      vectors[count++] = {const_cast<char*>(view.data()), view.size()};
    }
    const ssize_t sent = write_vectors(fd, vectors.data(), count);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Flushed::kBlocked : Flushed::kBroken;
    drop_front(static_cast<std::size_t>(sent));
  }
  return Flushed::kAll;
}

void OutQueue::drop_front(std::size_t count) {
  bytes_ -= count;
  front_offset_ += count;
  while (!pieces_.empty() && front_offset_ >= pieces_.front().view().size()) {
    front_offset_ -= pieces_.front().view().size();
    pieces_.pop_front();
  }
}

}  // namespace cove::rpc
