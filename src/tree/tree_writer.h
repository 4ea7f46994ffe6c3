// TreeWriter: applies the chunks of read_tree below a destination. Used by both ends of a copy; one thread.
// Hostile chunks cannot reach outside the destination: paths are checked, and every folder is opened without
// following links. A file gets its name when it is complete, and so does a folder that the copy makes, with
// all that is below it; what breaks off or has a wrong checksum never does. The destination itself may be a
// link to where the file is to be, or a device or pipe, which is written into.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/cancel.h"
#include "base/result.h"

namespace cove::agent::v1 {
class TreeChunk;
class TreeItem;
class TreeTotals;
}  // namespace cove::agent::v1

namespace cove {

enum class TreeInto : std::uint8_t {
  kNameOrDirectory,  // an existing folder receives the entries; otherwise the one top entry gets this name
  kDirectory,        // must be an existing folder
};

class TreeWriter {
 public:
  // kNotFound: the destination's parent is missing; kFailedPrecondition: kDirectory and it is none, or it is
  // a socket.
  static Result<TreeWriter> create(const std::filesystem::path& destination, TreeInto into);
  TreeWriter(TreeWriter&&) noexcept;
  TreeWriter& operator=(TreeWriter&&) noexcept;
  ~TreeWriter();

  // kDataLoss: a checksum is wrong; kInvalidArgument: the chunk breaks the rules; kFailedPrecondition: a
  // device, pipe, socket or folder has the name of a file; kAborted: a new folder's name was taken meanwhile.
  // After an error the writer is only fit to be destroyed, which removes what has no name yet. Failures of
  // the reading side leave out their entry only. The context matters where a pipe's reader is slow.
  Result<void> apply(const OpContext& ctx, const agent::v1::TreeChunk& chunk);
  // Sets the folders' modes and times, which writing into them would have changed, and gives the last new
  // folder its name. kDataLoss if the last file or the last chunk (that of the totals) is missing.
  Result<agent::v1::TreeTotals> finish();
  // Bytes of file data written so far.
  std::uint64_t bytes() const;

 private:
  struct Impl;
  explicit TreeWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes the one file that the chunks hold to a stream, holes as zeros. Anything but one file is an error,
// and so is a failure of the reading side.
class TreeToStream {
 public:
  explicit TreeToStream(int fd);
  ~TreeToStream();
  Result<void> apply(const OpContext& ctx, const agent::v1::TreeChunk& chunk);
  Result<void> apply(const OpContext& ctx, const agent::v1::TreeItem& item);
  Result<void> finish() const;
  std::uint64_t bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove
