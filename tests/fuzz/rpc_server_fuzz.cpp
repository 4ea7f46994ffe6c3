// Feeds bytes to a server session as a client would send them, in pieces, with handlers that answer on the
// spot. The client preface and empty SETTINGS come first unless the first byte says otherwise, so that frames
// are reached.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "rpc/session.h"

namespace {

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

// A stream needs no connection as long as nobody reads from it.
cove::rpc::SessionOptions options(cove::rpc::Session*& session) {
  cove::rpc::SessionOptions out;
  out.limits.max_message = 1U << 20;
  out.make_stream = [limits = out.limits] {
    auto stream = std::make_shared<cove::rpc::Stream>(nullptr, limits);
    stream->source.emplace();
    return stream;
  };
  out.on_call = [&session](const std::shared_ptr<cove::rpc::Stream>& stream) {
    if (stream->call.path.size() % 3 == 0) return false;
    if (stream->call.path.size() % 3 == 1) session->send(*stream, "reply");
    session->finish(*stream, cove::Error(cove::Code::kNotFound, stream->call.path));
    return true;
  };
  out.on_closed = [](cove::rpc::Stream&) {};
  return out;
}

bool exchange(cove::rpc::Session& session, const char* bytes, std::size_t size) {
  if (!session.receive({bytes, size}).ok()) return false;
  for (;;) {
    const auto more = session.fill();
    if (!more.ok()) return false;
    session.out().clear();
    if (!*more) return !session.finished();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  cove::rpc::Session* pointer = nullptr;
  cove::rpc::Session session(options(pointer));
  pointer = &session;
  if (!session.start().ok()) return 0;
  const auto* bytes = reinterpret_cast<const char*>(data) + 1;
  const std::size_t piece = data[0] / 2 + 1U;
  size -= 1;
  bool open = data[0] % 2 == 0 || exchange(session, kPreface, sizeof kPreface - 1);
  for (std::size_t at = 0; open && at < size; at += piece)
    open = exchange(session, bytes + at, std::min(piece, size - at));
  session.end_all(cove::Error(cove::Code::kUnavailable, "over"));
  return 0;
}
