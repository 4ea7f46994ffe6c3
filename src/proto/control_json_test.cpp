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
}  // namespace
}  // namespace cove::proto
