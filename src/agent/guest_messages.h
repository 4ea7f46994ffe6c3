// guest_messages: cove.agent.v1's messages from and to the client's own types. Private to the library.
#pragma once

#include <vector>

#include "agent/guest_agent_client.h"
#include "proto/cove_agent.pb.h"

namespace cove::internal {

agent::v1::EnsureUserRequest user_request(const GuestUser& user);
agent::v1::SetIdentityRequest identity_request(const NewIdentity& identity);
using WireOutcomes = google::protobuf::RepeatedPtrField<agent::v1::ItemOutcome>;
std::vector<ItemOutcome> outcomes_of(const WireOutcomes& items);
ThawOutcome thaw_outcome(const agent::v1::ThawFilesystemsResponse& reply);

}  // namespace cove::internal
