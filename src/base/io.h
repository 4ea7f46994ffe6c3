// Blocking reads and writes on descriptors that give up on cancel and deadline. Descriptors are borrowed; any
// thread. They work on blocking and non-blocking descriptors alike (poll first), except that write_all on a
// *blocking* descriptor may stay in the kernel longer than the deadline; make long-lived sockets
// non-blocking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/cancel.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove {

enum class Ready : unsigned char { kRead = 1, kWrite = 2 };

// Waits until the descriptor is ready (or at its end, or in error: the next read or write tells).
Result<void> wait_ready(const OpContext& ctx, int fd, Ready what);
// Up to buffer.size() bytes; 0 at the end of the stream.
Result<std::size_t> read_some(const OpContext& ctx, int fd, std::span<char> buffer);
// Exactly buffer.size() bytes; kUnavailable "unexpected end of stream" if it ends before.
Result<void> read_exact(const OpContext& ctx, int fd, std::span<char> buffer);
// Everything to the end of the stream; kResourceExhausted beyond max_bytes.
Result<std::string> read_to_end(const OpContext& ctx, int fd, std::size_t max_bytes);
// Of a file, from an offset: as much as there is, at most the buffer. At its end, less.
Result<std::size_t> pread_upto(int fd, std::uint64_t offset, std::span<char> buffer);
// All of it, at an offset of a file.
Result<void> pwrite_all(int fd, std::uint64_t offset, std::string_view bytes);
// All of it. Never raises SIGPIPE on sockets; programs ignore SIGPIPE for pipes.
Result<void> write_all(const OpContext& ctx, int fd, std::string_view bytes);

// All that waits in a stream socket now, without waiting for more. One read takes it, so that another process
// reading the same end at this moment gets all of it or nothing.
std::string take_unread(int fd);

// True once the socket's peer has closed its sending half, or all; what it sent before may still be there to
// read.
bool peer_left(int fd);

Result<void> set_nonblocking(int fd);
Result<void> set_blocking(int fd);
// Close-on-exec socketpair; type is SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET.
Result<std::pair<UniqueFd, UniqueFd>> make_socketpair(int type);
// Close-on-exec pipe {read end, write end}.
Result<std::pair<UniqueFd, UniqueFd>> make_pipe();
Result<UniqueFd> duplicate(int fd);

}  // namespace cove
