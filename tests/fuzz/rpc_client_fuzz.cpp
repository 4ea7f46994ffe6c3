// Feeds bytes to a client session as a hostile server (a guest) would send them, in pieces, while calls are
// under way. The server's empty SETTINGS come first unless the first byte says otherwise.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "rpc/session.h"

namespace {

using cove::rpc::Role;
using cove::rpc::Session;
using cove::rpc::SessionOptions;
using cove::rpc::Stream;

constexpr char kSettings[] = "\0\0\0\4\0\0\0\0\0";

bool exchange(Session& session, const char* bytes, std::size_t size) {
  if (!session.receive({bytes, size}).ok()) return false;
  for (;;) {
    const auto more = session.fill();
    if (!more.ok()) return false;
    session.out().clear();
    if (!*more) return !session.finished();
  }
}

std::shared_ptr<Stream> open_call(Session& session) {
  auto stream = std::make_shared<Stream>(nullptr, session.limits());
  stream->source.emplace();
  const cove::rpc::Metadata headers{{":method", "POST"}, {":scheme", "http"},
                                    {":path", "/a.B/C"}, {":authority", "x"},
                                    {"te", "trailers"},  {"content-type", "application/grpc"}};
  if (session.open(stream, headers).ok()) session.send(*stream, "request");
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  SessionOptions options;
  options.role = Role::kClient;
  options.limits.max_message = 1U << 20;
  options.on_closed = [](Stream&) {};
  Session session(std::move(options));
  if (!session.start().ok()) return 0;
  const auto one = open_call(session);
  const auto two = open_call(session);
  const auto* bytes = reinterpret_cast<const char*>(data) + 1;
  const std::size_t piece = data[0] / 2 + 1U;
  size -= 1;
  bool open = data[0] % 2 == 0 || exchange(session, kSettings, sizeof kSettings - 1);
  for (std::size_t at = 0; open && at < size; at += piece)
    open = exchange(session, bytes + at, std::min(piece, size - at));
  session.end_all(cove::Error(cove::Code::kUnavailable, "over"));
  return 0;
}
