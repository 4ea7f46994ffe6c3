#include "interop_service.h"

#include "base/io.h"
#include "proto/agent.pb.h"

namespace cove::interop {
namespace {

namespace agent = vz::agent::v1;

Result<void> copy_in(const OpContext& ctx, rpc::ServerStream& call) {
  agent::CopyInChunk chunk;
  std::size_t wanted = 0, got = 0;
  while (COVE_TRY(call.read(ctx, chunk))) {
    if (chunk.has_init()) wanted = chunk.init().mode();
    got += chunk.data().size();
  }
  if (got != wanted) return Error(Code::kDataLoss, std::to_string(got) + " bytes came");
  return call.write_last(agent::CopyInResponse());
}

Result<void> expect(bool condition, const char* what) {
  if (condition) return {};
  return Error(Code::kInternal, std::string("not as agreed: ") + what);
}

OpContext patient() { return OpContext{}.with_timeout(std::chrono::seconds(30)); }

Result<void> check_unary(rpc::Channel& channel) {
  agent::PingResponse pong;
  COVE_TRY(channel.call(patient(), "/vz.agent.v1.Agent/Ping", agent::PingRequest(), pong).context("Ping"));
  COVE_TRY(expect(pong.version() == "interop", "Ping's version"));
  agent::ReadFileResponse file;
  const auto failed = channel.call(patient(), "/vz.agent.v1.Agent/ReadFile", agent::ReadFileRequest(), file);
  COVE_TRY(expect(!failed.ok() && failed.error().code() == Code::kNotFound, "ReadFile's code"));
  COVE_TRY(expect(failed.error().message() == kErrorText, "ReadFile's message"));
  const auto unknown = channel.call(patient(), "/vz.agent.v1.Agent/Reboot", agent::RebootRequest(), pong);
  COVE_TRY(expect(!unknown.ok() && unknown.error().code() == Code::kUnimplemented, "an unknown method"));
  const OpContext soon = OpContext{}.with_timeout(std::chrono::milliseconds(200));
  agent::ExecResponse result;
  const auto late = channel.call(soon, "/vz.agent.v1.Agent/Exec", agent::ExecRequest(), result);
  return expect(!late.ok() && late.error().code() == Code::kDeadlineExceeded, "Exec's deadline");
}

Result<void> check_streams(rpc::Channel& channel) {
  auto out = COVE_TRY(channel.open(patient(), "/vz.agent.v1.Agent/CopyOut"));
  COVE_TRY(out->write(patient(), agent::CopyOutRequest()));
  out->close_send();
  agent::CopyOutChunk chunk;
  std::size_t got = 0;
  while (COVE_TRY(out->read(patient(), chunk))) got += chunk.data().size();
  COVE_TRY(expect(got == kChunks * kChunkSize, "CopyOut's bytes"));

  auto in = COVE_TRY(channel.open(patient(), "/vz.agent.v1.Agent/CopyIn"));
  agent::CopyInChunk part;
  part.mutable_init()->set_mode(kChunks * kChunkSize);
  COVE_TRY(in->write(patient(), part));
  part.set_data(std::string(kChunkSize, 'i'));
  for (std::size_t i = 0; i < kChunks; i++) COVE_TRY(in->write(patient(), part));
  in->close_send();
  agent::CopyInResponse done;
  COVE_TRY(expect(COVE_TRY(in->read(patient(), done)), "CopyIn's reply"));
  COVE_TRY(expect(!COVE_TRY(in->read(patient(), done)), "CopyIn's end"));

  auto hang = COVE_TRY(channel.open(patient(), "/vz.agent.v1.Agent/Exec"));
  hang->cancel();
  const auto cancelled = hang->read_raw(patient());
  return expect(!cancelled.ok() && cancelled.error().code() == Code::kCancelled, "a cancelled call");
}

}  // namespace

rpc::Handlers interop_handlers() {
  rpc::Handlers handlers;
  handlers.unary<agent::PingRequest, agent::PingResponse>(
      "/vz.agent.v1.Agent/Ping",
      [](const OpContext&, const agent::PingRequest&, agent::PingResponse& reply) -> Result<void> {
        reply.set_version("interop");
        return {};
      });
  handlers.unary<agent::ReadFileRequest, agent::ReadFileResponse>(
      "/vz.agent.v1.Agent/ReadFile",
      [](const OpContext&, const agent::ReadFileRequest&, agent::ReadFileResponse&) -> Result<void> {
        return Error(Code::kNotFound, std::string(kErrorText));
      });
  handlers.server_streaming<agent::CopyOutRequest>(
      "/vz.agent.v1.Agent/CopyOut",
      [](const OpContext& ctx, const agent::CopyOutRequest&, rpc::ServerStream& out) -> Result<void> {
        agent::CopyOutChunk chunk;
        chunk.set_data(std::string(kChunkSize, 'o'));
        for (std::size_t i = 0; i < kChunks; i++) COVE_TRY(out.write(ctx, chunk));
        return {};
      });
  handlers.stream("/vz.agent.v1.Agent/CopyIn", copy_in);
  handlers.stream("/vz.agent.v1.Agent/Exec", [](const OpContext& ctx, rpc::ServerStream&) -> Result<void> {
    return wait_ready(ctx, ctx.cancel.fd(), Ready::kRead);
  });
  return handlers;
}

Result<void> check_peer(rpc::Channel& channel) {
  COVE_TRY(check_unary(channel));
  COVE_TRY(check_streams(channel));
  return check_unary(channel).context("after the streams");
}

}  // namespace cove::interop
