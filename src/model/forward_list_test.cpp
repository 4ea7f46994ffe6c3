#include "model/forward_list.h"

#include <gtest/gtest.h>

namespace cove {
namespace {

using Forwards = std::vector<PortForward>;

TEST(ForwardList, a_host_port_leads_to_one_place) {
  Forwards list{{"127.0.0.1", 8080, 80}, {"127.0.0.1", 0, 22}};
  put_forward(list, {"127.0.0.1", 8080, 8000});
  put_forward(list, {"127.0.0.2", 8080, 81});
  put_forward(list, {"127.0.0.1", 0, 22});
  put_forward(list, {"127.0.0.1", 0, 80});
  EXPECT_EQ(
      list,
      (Forwards{
          {"127.0.0.1", 8080, 8000}, {"127.0.0.1", 0, 22}, {"127.0.0.2", 8080, 81}, {"127.0.0.1", 0, 80}}));
}

TEST(ForwardList, is_taken_by_the_host_port_or_without_one_by_the_guest_port) {
  Forwards list{{"127.0.0.1", 8080, 22}, {"127.0.0.1", 0, 22}, {"127.0.0.1", 22, 80}};
  EXPECT_EQ(take_forwards(list, 22), (Forwards{{"127.0.0.1", 0, 22}, {"127.0.0.1", 22, 80}}));
  EXPECT_EQ(list, (Forwards{{"127.0.0.1", 8080, 22}}));
  EXPECT_TRUE(take_forwards(list, 80).empty());
}

TEST(ForwardList, reads_as_where_it_leads) {
  EXPECT_EQ(to_string(PortForward{"127.0.0.1", 8080, 80}), "127.0.0.1:8080 -> guest port 80");
  EXPECT_EQ(to_string(PortForward{"127.0.0.1", 0, 80}), "127.0.0.1:any free port -> guest port 80");
}

}  // namespace
}  // namespace cove
