// Copies of files and trees between host and guest over an agent connection: the host's half of `cove cp`.
// Blocking; any thread but a loop's. `count` is told the bytes moved so far.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/guest_agent_client.h"
#include "tree/tree_reader.h"
#include "tree/tree_writer.h"

namespace cove {

namespace rpc {
class Channel;
}

struct CopyTotals {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t symlinks = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> skipped;  // sockets, devices, pipes
  std::vector<Error> failed;         // what could not be read, with its path; the first 16 MiB of it
  std::uint64_t failures = 0;        // how many in all
};

// One connection, one realm: kSystem touches files as root, kUser as the guest's user. Borrows both.
class TreeCopy {
 public:
  TreeCopy(rpc::Channel& channel, GuestAgentClient::Realm realm) : channel_(channel), realm_(realm) {}

  // Guest paths are relative to the user's home. kNotFound, kPermissionDenied, kResourceExhausted as the
  // guest's file system says; kDataLoss: a checksum was wrong on arrival, and the file is not there. What
  // cannot be read is left out and told in the totals.
  Result<CopyTotals> put(const OpContext& ctx, const std::vector<TreeSource>& sources,
                         const std::string& guest_destination, TreeInto into, const TreeCount& count) const;
  Result<CopyTotals> put_stream(const OpContext& ctx, int fd, const std::string& guest_path,
                                const TreeCount& count) const;
  Result<CopyTotals> get(const OpContext& ctx, const std::string& guest_path,
                         const std::filesystem::path& destination, TreeInto into,
                         const TreeCount& count) const;
  Result<CopyTotals> get_stream(const OpContext& ctx, const std::string& guest_path, int fd,
                                const TreeCount& count) const;

 private:
  std::string method(std::string_view name) const;
  rpc::Channel& channel_;
  GuestAgentClient::Realm realm_;
};

}  // namespace cove
