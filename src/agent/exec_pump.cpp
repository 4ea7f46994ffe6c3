#include "agent/exec_pump.h"

#include "base/io.h"
#include "base/thread.h"

namespace cove {
namespace {

class DescriptorSink final : public ExecSink {
 public:
  DescriptorSink(const OpContext& ctx, const ExecStreams& streams) : ctx_(ctx), streams_(streams) {}
  Result<void> on_output(ExecStream stream, std::string_view bytes) override {
    const int fd = stream == ExecStream::kStdout ? streams_.out : streams_.err;
    return fd < 0 ? Result<void>() : write_all(ctx_, fd, bytes);
  }

 private:
  const OpContext& ctx_;
  const ExecStreams& streams_;
};

void carry_input(const OpContext& ctx, ExecSession& session, int fd) {
  std::string chunk(std::size_t{64} << 10U, '\0');
  for (;;) {
    const auto count = read_some(ctx, fd, chunk);
    if (!count.ok() && count.error().code() == Code::kCancelled) return;
    if (!count.ok() || *count == 0) break;
    if (!session.write_stdin(ctx, std::string_view(chunk).substr(0, *count)).ok()) return;
  }
  static_cast<void>(session.close_stdin(ctx));  // the command may have ended: then nobody minds
}

}  // namespace

Result<ExecEnd> pump_exec(const OpContext& ctx, ExecSession& session, const ExecStreams& streams) {
  const CancelSource over;
  Thread input;
  if (streams.in >= 0) {
    input = Thread("exec-stdin", [&] { carry_input({over.token(), Deadline()}, session, streams.in); });
  }
  DescriptorSink sink(ctx, streams);
  auto end = session.wait(ctx, sink);
  over.cancel();
  input.join();
  return end;
}

}  // namespace cove
