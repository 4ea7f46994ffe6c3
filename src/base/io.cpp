#include "base/io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace cove {

Result<void> wait_ready(const OpContext& ctx, int fd, Ready what) {
  for (;;) {
    COVE_TRY(ctx.check());
    pollfd fds[2] = {{fd, static_cast<short>(what == Ready::kRead ? POLLIN : POLLOUT), 0},
                     {ctx.cancel.fd(), POLLIN, 0}};
    const int count = ::poll(fds, 2, ctx.deadline.poll_timeout_ms());
    if (count < 0 && errno != EINTR) return Error::from_errno(errno, "poll");
    if (count > 0 && fds[0].revents != 0) return {};
  }
}

Result<std::size_t> read_some(const OpContext& ctx, int fd, std::span<char> buffer) {
  for (;;) {
    COVE_TRY(wait_ready(ctx, fd, Ready::kRead));
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) return Error::from_errno(errno, "read");
  }
}

Result<void> read_exact(const OpContext& ctx, int fd, std::span<char> buffer) {
  while (!buffer.empty()) {
    const std::size_t count = COVE_TRY(read_some(ctx, fd, buffer));
    if (count == 0) return Error(Code::kUnavailable, "unexpected end of stream");
    buffer = buffer.subspan(count);
  }
  return {};
}

Result<std::string> read_to_end(const OpContext& ctx, int fd, std::size_t max_bytes) {
  std::string all;
  char chunk[16384];
  for (;;) {
    const std::size_t count = COVE_TRY(read_some(ctx, fd, chunk));
    if (count == 0) return all;
    if (all.size() + count > max_bytes) {
      return Error(Code::kResourceExhausted, "more than " + std::to_string(max_bytes) + " bytes");
    }
    all.append(chunk, count);
  }
}

std::string take_unread(int fd) {
  constexpr std::size_t kSlack = 4096;
  std::string all;
  for (;;) {
    int waiting = 0;
    if (::ioctl(fd, FIONREAD, &waiting) < 0) return all;
    const std::size_t had = all.size();
    all.resize(had + static_cast<std::size_t>(waiting) + kSlack);
    const ssize_t count = ::recv(fd, all.data() + had, all.size() - had, MSG_DONTWAIT);
    all.resize(had + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0 || (count < 0 && errno != EINTR)) return all;
  }
}

Result<std::size_t> pread_upto(int fd, std::uint64_t offset, std::span<char> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count =
        ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "read");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> pwrite_all(int fd, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::from_errno(errno, "write");
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

bool peer_left(int fd) {
  pollfd state{fd, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && state.revents != 0;
}

Result<void> write_all(const OpContext& ctx, int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    // Sockets first try send() for MSG_NOSIGNAL; anything else answers ENOTSOCK and takes write().
    ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == ENOTSOCK) {
      COVE_TRY(wait_ready(ctx, fd, Ready::kWrite));
      count = ::write(fd, bytes.data(), bytes.size());
    }
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EAGAIN) {
      COVE_TRY(wait_ready(ctx, fd, Ready::kWrite));
    } else if (errno != EINTR) {
      return Error::from_errno(errno, "write");
    }
  }
  return {};
}

namespace {
Result<void> change_flags(int fd, int clear, int set) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, (flags & ~clear) | set) < 0) return Error::from_errno(errno, "fcntl");
  return {};
}
}  // namespace

Result<void> set_nonblocking(int fd) { return change_flags(fd, 0, O_NONBLOCK); }
Result<void> set_blocking(int fd) { return change_flags(fd, O_NONBLOCK, 0); }

Result<std::pair<UniqueFd, UniqueFd>> make_socketpair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0) return Error::from_errno(errno, "socketpair");
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return Error::from_errno(errno, "pipe");
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<UniqueFd> duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return Error::from_errno(errno, "dup");
  return copy;
}

}  // namespace cove
