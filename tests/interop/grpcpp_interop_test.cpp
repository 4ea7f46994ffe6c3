// grpc++ on the other end of a socketpair, in both roles.
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/testing/patience.h"
#include "base/thread.h"
#include "interop_service.h"
#include "proto/agent.grpc.pb.h"
#include "tests/agent/fake_agent.h"

namespace cove::interop {
namespace {

namespace agent = vz::agent::v1;
using cove::testing::patient;

class ForeignService final : public agent::Agent::Service {
  grpc::Status Ping(grpc::ServerContext*, const agent::PingRequest*, agent::PingResponse* reply) override {
    reply->set_version("interop");
    return grpc::Status::OK;
  }
  grpc::Status ReadFile(grpc::ServerContext*, const agent::ReadFileRequest*,
                        agent::ReadFileResponse*) override {
    return {grpc::StatusCode::NOT_FOUND, std::string(kErrorText)};
  }
  grpc::Status CopyOut(grpc::ServerContext*, const agent::CopyOutRequest*,
                       grpc::ServerWriter<agent::CopyOutChunk>* out) override {
    agent::CopyOutChunk chunk;
    chunk.set_data(std::string(kChunkSize, 'o'));
    for (std::size_t i = 0; i < kChunks; i++) out->Write(chunk);
    return grpc::Status::OK;
  }
  grpc::Status CopyIn(grpc::ServerContext*, grpc::ServerReader<agent::CopyInChunk>* in,
                      agent::CopyInResponse*) override {
    agent::CopyInChunk chunk;
    std::size_t wanted = 0, got = 0;
    while (in->Read(&chunk)) {
      if (chunk.has_init()) wanted = chunk.init().mode();
      got += chunk.data().size();
    }
    return got == wanted ? grpc::Status::OK : grpc::Status(grpc::StatusCode::DATA_LOSS, "");
  }
  // The synchronous interface offers no event for it.
  grpc::Status Exec(grpc::ServerContext* context, const agent::ExecRequest*, agent::ExecResponse*) override {
    while (!context->IsCancelled())
      static_cast<void>(SystemClock().sleep(OpContext{}, std::chrono::milliseconds(5)));
    return grpc::Status::CANCELLED;
  }
};

TEST(Grpcpp, OurChannelCallsItsServer) {
  auto [ours, theirs] = make_socketpair(SOCK_STREAM).value();
  ForeignService service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  set_nonblocking(theirs.get()).value();
  grpc::AddInsecureChannelFromFd(server.get(), theirs.release());
  {
    const auto channel = rpc::Channel::create(std::move(ours), {}).value();
    const auto checked = check_peer(*channel);
    EXPECT_TRUE(checked.ok()) << checked.error().message();
  }
  server->Shutdown();
}

class OurServer : public ::testing::Test {
 protected:
  OurServer() {
    auto [ours, theirs] = make_socketpair(SOCK_STREAM).value();
    serving_ = Thread("serving", [this, fd = ours.release()] {
      static_cast<void>(rpc::serve({}, UniqueFd(fd), handlers_));
    });
    stub_ = agent::Agent::NewStub(grpc::CreateInsecureChannelFromFd("peer", theirs.release()));
  }
  ~OurServer() override { stub_.reset(); }

  const rpc::Handlers handlers_ = interop_handlers();
  Thread serving_;
  std::unique_ptr<agent::Agent::Stub> stub_;
};

TEST_F(OurServer, AnswersItsUnaryCalls) {
  grpc::ClientContext context;
  agent::PingResponse pong;
  const grpc::Status status = stub_->Ping(&context, agent::PingRequest(), &pong);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(pong.version(), "interop");
}

TEST_F(OurServer, GivesItErrorsAndDeadlines) {
  grpc::ClientContext context;
  agent::ReadFileResponse file;
  const grpc::Status missing = stub_->ReadFile(&context, agent::ReadFileRequest(), &file);
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(missing.error_message(), kErrorText);
  grpc::ClientContext unknown;
  agent::RebootResponse nothing;
  EXPECT_EQ(stub_->Reboot(&unknown, agent::RebootRequest(), &nothing).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  grpc::ClientContext hurried;
  hurried.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  agent::ExecResponse result;
  EXPECT_EQ(stub_->Exec(&hurried, agent::ExecRequest(), &result).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(OurServer, StreamsWithIt) {
  grpc::ClientContext out_context;
  auto out = stub_->CopyOut(&out_context, agent::CopyOutRequest());
  agent::CopyOutChunk chunk;
  std::size_t got = 0;
  while (out->Read(&chunk)) got += chunk.data().size();
  EXPECT_TRUE(out->Finish().ok());
  EXPECT_EQ(got, kChunks * kChunkSize);

  grpc::ClientContext in_context;
  agent::CopyInResponse done;
  auto in = stub_->CopyIn(&in_context, &done);
  agent::CopyInChunk part;
  part.mutable_init()->set_mode(kChunks * kChunkSize);
  ASSERT_TRUE(in->Write(part));
  part.set_data(std::string(kChunkSize, 'i'));
  for (std::size_t i = 0; i < kChunks; i++) ASSERT_TRUE(in->Write(part));
  in->WritesDone();
  const grpc::Status status = in->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// The agent's own services behind a link, not the stand-in.
class RealAgent : public ::testing::Test {
 protected:
  RealAgent() {
    auto fd = agent_.channel().connect(patient(), kSystemRealmPort).value();
    set_nonblocking(fd.get()).value();
    stub_ = agent::Agent::NewStub(grpc::CreateInsecureChannelFromFd("agent", fd.release()));
  }
  ~RealAgent() override { stub_.reset(); }
  grpc::Status exec(const std::string& command, const std::string& user, agent::ExecResponse& reply) {
    grpc::ClientContext context;
    agent::ExecRequest request;
    request.add_args(command);
    if (!user.empty()) request.set_user(user);
    return stub_->Exec(&context, request, &reply);
  }

  cove::testing::FakeAgent agent_;
  std::unique_ptr<agent::Agent::Stub> stub_;
};

TEST_F(RealAgent, ServesItsCalls) {
  agent::ExecResponse done;
  ASSERT_TRUE(exec("pwd", "tester", done).ok());
  EXPECT_EQ(done.stdout(), "/\n");
  EXPECT_EQ(exec("pwd", "ghost", done).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(exec("no-such-command", "", done).error_code(), grpc::StatusCode::INTERNAL);
  grpc::ClientContext info_context;
  agent::InfoResponse info;
  ASSERT_TRUE(stub_->Info(&info_context, agent::InfoRequest(), &info).ok());
  EXPECT_EQ(info.agent_sha256().size(), 12U);
  grpc::ClientContext read_context;
  agent::ReadFileRequest request;
  request.set_path("/no/such");
  agent::ReadFileResponse file;
  const grpc::Status missing = stub_->ReadFile(&read_context, request, &file);
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(missing.error_message(), "stat: /no/such: No such file or directory");
}

// A client that compresses is told that we do not. (grpc++ compresses only what becomes smaller by it.)
TEST_F(OurServer, RefusesCompressedMessages) {
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  agent::ReadFileRequest request;
  request.set_path(std::string(100'000, 'p'));
  agent::ReadFileResponse file;
  EXPECT_EQ(stub_->ReadFile(&context, request, &file).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace cove::interop
