// read_tree: turns files, folders and links into chunks of proto/cove_agent.proto, in the order TreeWriter
// wants. Used by both ends of a copy. Any thread; it holds one descriptor per folder level and one buffer.
// What cannot be read becomes a failure in the chunks, and the reading goes on; so does a source that has no
// content (a pipe, socket or device), whereas one inside a folder is only counted as skipped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"

namespace cove::agent::v1 {
class TreeChunk;
class TreeTotals;
}  // namespace cove::agent::v1

namespace cove {

struct TreeSource {
  std::filesystem::path path;  // a link given here is followed; links below are copied as links
  std::string name;            // under which it arrives: one path component
};

// Takes a chunk; may block; its error ends the reading.
using TreeEmit = std::function<Result<void>(const agent::v1::TreeChunk&)>;
// Bytes of file data read so far.
using TreeCount = std::function<void(std::uint64_t bytes)>;

Result<agent::v1::TreeTotals> read_tree(const OpContext& ctx, const std::vector<TreeSource>& sources,
                                        const TreeEmit& emit, const TreeCount& count);
// A stream until its end, as one file of that name and mode.
Result<agent::v1::TreeTotals> read_stream(const OpContext& ctx, int fd, const std::string& name,
                                          std::uint32_t mode, const TreeEmit& emit, const TreeCount& count);
// The sum of file sizes below the sources, for a progress display; unreadable places count nothing.
std::uint64_t tree_bytes(const std::vector<TreeSource>& sources);

}  // namespace cove
