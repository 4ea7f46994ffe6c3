#include <sys/epoll.h>

#include "base/io.h"
#include "channel/link_impl.h"

namespace cove::internal {

void Link::hold() {
  if (state_ == State::kClosed || std::exchange(held_, true)) return;
  write_blocked_ = false;
  // Not just no events: an end of the stream would be told all the same.
  ::epoll_ctl(poller_.get(), EPOLL_CTL_DEL, stream_.get(), nullptr);
}

void Link::move_to(UniqueFd fresh, std::string unread) {
  if (state_ == State::kClosed) return;
  hold();
  // To the last byte, whatever waits to be sent: the answers to what one socket holds are few. That the old
  // process has ended is no news.
  while (read_stream().value_or(0) > 0) {
  }
  stream_ = std::move(fresh);
  is_socket_ = is_socket(stream_.get());
  if (!set_nonblocking(stream_.get()).ok()) return close_link();
  end_hold(unread);
}

void Link::go_on(std::string unread) {
  if (state_ == State::kClosed) return;
  hold();
  end_hold(unread);
}

void Link::end_hold(std::string_view unread) {
  held_ = false;
  if (!unread.empty()) {
    ByteQueue out;
    out.append(unread);
    out.append(out_.view());
    out_ = std::move(out);
    // It was counted when it went into the old socket.
    count_.bytes_out.fetch_sub(unread.size(), std::memory_order_relaxed);
  }
  link_mask_ = EPOLLIN;
  epoll_event event{link_mask_, {.u64 = kLinkTag}};
  if (::epoll_ctl(poller_.get(), EPOLL_CTL_ADD, stream_.get(), &event) < 0) return close_link();
  write_link();
  watch_link();
}

}  // namespace cove::internal
