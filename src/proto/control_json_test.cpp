#include "proto/control_json.h"

#include <gtest/gtest.h>

namespace cove::proto {
namespace {

TEST(ControlJson, AcceptsSnakeAndCamelNames) {
  for (const char* line :
       {R"({"type":"agent-exec","auth_token":"t","agent_exec":{"args":["a"],"working_dir":"/"}})",
        R"({"type":"agent-exec","authToken":"t","agentExec":{"args":["a"],"workingDir":"/"}})"}) {
    const auto request = decode_request(line);
    ASSERT_TRUE(request.ok()) << request.error().message();
    EXPECT_EQ((*request).auth_token(), "t");
    EXPECT_EQ((*request).agent_exec().args(0), "a");
    EXPECT_EQ((*request).agent_exec().working_dir(), "/");
  }
}

TEST(ControlJson, IgnoresUnknownMembersAndNull) {
  const auto request =
      decode_request(R"({"type":"memory","new":{"a":[1]},"memory":{"action":null,"size_gb":2,"x":1}})");
  ASSERT_TRUE(request.ok()) << request.error().message();
  EXPECT_EQ((*request).memory().size_gb(), 2);
  EXPECT_EQ((*request).memory().action(), "");
}

TEST(ControlJson, ReadsNumbersInTheirForms) {
  const auto request = decode_request(R"({"key":{"key_code":1e1,"modifiers":"131072"},"api_version":1})");
  ASSERT_TRUE(request.ok()) << request.error().message();
  EXPECT_EQ((*request).key().key_code(), 10U);
  EXPECT_EQ((*request).key().modifiers(), 131072U);
  EXPECT_EQ((*request).api_version(), 1U);
}

TEST(ControlJson, RefusesWhatDoesNotFitTheSchema) {
  for (const char* line : {"", "x", "[]", R"({"type":"text","text":"hi"})", R"({"key":{"key_code":1.5}})",
                           R"({"key":{},"mouse":{}})", R"({"type":"ping"} trailing)", R"({"type":)"}) {
    const auto request = decode_request(line);
    ASSERT_FALSE(request.ok()) << line;
    EXPECT_EQ(request.error().code(), Code::kInvalidArgument);
  }
}

TEST(ControlJson, RefusesAFieldGivenTwiceAtEveryLevel) {
  for (const char* line : {
           R"({"type":"ping","type":"status"})",
           R"({"type":"ping","type":"ping"})",
           R"({"auth_token":"T","authToken":"U"})",
           R"({"authToken":"T","auth_token":"T"})",
           R"({"auth_token":null,"authToken":"T"})",
           R"({"type":"x","ty\u0070e":"y"})",
           R"({"agent_exec":{"args":["a"],"args":["b"]}})",
           R"({"agent_exec":{"args":["a"],"working_dir":"/","workingDir":"/"}})",
           R"({"agent_exec":{"env":{"A":"1","A":"2"}}})",
           R"({"agent_exec":{"args":["a"]},"agentExec":{"args":["b"]}})",
           R"({"agent_exec":{"args":["a"]},"agent_exec":{"args":["b"]}})",
       }) {
    const auto request = decode_request(line);
    ASSERT_FALSE(request.ok()) << line;
    EXPECT_EQ(request.error().code(), Code::kInvalidArgument);
    EXPECT_NE(request.error().message().find(" is given twice"), std::string::npos)
        << request.error().message();
  }
  EXPECT_FALSE(
      decode_response(R"({"snapshot_list":{"snapshots":[{},{"vm_state":"a","vmState":"b"}]}})").ok());
  EXPECT_TRUE(
      decode_request(R"({"agent_exec":{"args":["a"],"env":{"working_dir":"1","workingDir":"2"}}})").ok());
}

TEST(ControlJson, LeavesDefaultsOutAndKeepsSnakeCase) {
  vz::control::v1::ControlResponse response;
  response.mutable_agent_exec_result()->set_exit_code(0);
  EXPECT_EQ(encode_response(response).value(), R"({"agent_exec_result":{}})");
  response.set_success(true);
  auto& snapshot = *response.mutable_snapshot_list()->add_snapshots();
  snapshot.set_size(5'000'000'000);
  snapshot.set_vm_state("paused\n");
  EXPECT_EQ(
      encode_response(response).value(),
      R"({"success":true,"snapshot_list":{"snapshots":[{"size":"5000000000","vm_state":"paused\n"}]}})");
}

TEST(ControlJson, RoundTripsBytesAndMaps) {
  vz::control::v1::ControlResponse response;
  response.mutable_agent_file()->set_data(std::string("\0\xff\xfe?", 4));
  const std::string line = encode_response(response).value();
  EXPECT_EQ(line, R"({"agent_file":{"data":"AP/+Pw=="}})");
  EXPECT_EQ(decode_response(line)->agent_file().data(), response.agent_file().data());
  EXPECT_EQ(decode_response(R"({"agent_file":{"data":"AP_-Pw"}})")->agent_file().data(),
            response.agent_file().data());
  vz::control::v1::ControlRequest request;
  (*request.mutable_agent_exec()->mutable_env())["A"] = "";
  EXPECT_EQ(encode_request(request).value(), R"({"agent_exec":{"env":{"A":""}}})");
}

}  // namespace
}  // namespace cove::proto
