#include "agent/tree_copy.h"

#include "proto/cove_agent.pb.h"
#include "rpc/channel.h"
#include "tree/tree_failure.h"

namespace cove {
namespace {

using agent::v1::GetTreeRequest;
using agent::v1::TreeChunk;
using agent::v1::TreeTotals;

constexpr std::uint32_t kStreamMode = 0644;

// A hostile guest may report failures without end; beyond this much text they are only counted.
constexpr std::size_t kMaxFailureText = std::size_t{16} << 20U;

// Gathers what the chunks of one copy tell about it.
class Tally {
 public:
  void see(const TreeChunk& chunk) {
    for (const auto& item : chunk.items()) {
      if (item.has_failure()) add(error_of(item.failure()));
    }
  }
  CopyTotals with(const TreeTotals& message) && {
    totals_.files = message.files();
    totals_.directories = message.directories();
    totals_.symlinks = message.symlinks();
    totals_.bytes = message.bytes();
    totals_.skipped.assign(message.skipped().begin(), message.skipped().end());
    return std::move(totals_);
  }

 private:
  void add(Error error) {
    ++totals_.failures;
    text_ += error.message().size() + sizeof error;
    if (text_ <= kMaxFailureText) totals_.failed.push_back(std::move(error));
  }
  CopyTotals totals_;
  std::size_t text_ = 0;
};

// Sends what `read` emits, then waits for the guest's word. When the guest gave up early, its reason counts,
// not the broken write.
Result<CopyTotals> send(const OpContext& ctx, rpc::ClientStream& stream, const TreeChunk& start,
                        const std::function<Result<TreeTotals>(const TreeEmit&)>& read) {
  COVE_TRY(stream.write(ctx, start));
  Result<void> written;
  Tally tally;
  const TreeEmit emit = [&](const TreeChunk& chunk) {
    tally.see(chunk);
    written = stream.write(ctx, chunk);
    return written;
  };
  const auto totals = read(emit);
  if (!totals.ok() && written.ok()) return totals.error();  // the host's side could not be read
  stream.close_send();
  TreeTotals arrived;
  const bool answered = COVE_TRY(stream.read(ctx, arrived));
  if (!totals.ok()) return totals.error();
  if (!answered) return Error(Code::kInternal, "the guest did not confirm the copy");
  while (COVE_TRY(stream.read(ctx, arrived))) {
  }
  return std::move(tally).with(*totals);
}

TreeChunk start_chunk(const std::string& destination, TreeInto into) {
  TreeChunk start;
  start.mutable_start()->set_destination(destination);
  start.mutable_start()->set_into_directory(into == TreeInto::kDirectory);
  return start;
}

Result<CopyTotals> receive(const OpContext& ctx, rpc::ClientStream& stream, const std::string& guest_path,
                           const std::function<Result<void>(const TreeChunk&)>& apply) {
  GetTreeRequest request;
  request.set_path(guest_path);
  COVE_TRY(stream.write(ctx, request));
  stream.close_send();
  TreeChunk chunk;
  TreeTotals totals;
  Tally tally;
  while (COVE_TRY(stream.read(ctx, chunk))) {
    COVE_TRY(apply(chunk));
    tally.see(chunk);
    if (chunk.has_totals()) totals = chunk.totals();
  }
  return std::move(tally).with(totals);
}

}  // namespace

std::string TreeCopy::method(std::string_view name) const {
  const std::string_view service =
      realm_ == GuestAgentClient::Realm::kSystem ? "/cove.agent.v1.Files/" : "/cove.agent.v1.UserFiles/";
  return std::string(service) + std::string(name);
}

Result<CopyTotals> TreeCopy::put(const OpContext& ctx, const std::vector<TreeSource>& sources,
                                 const std::string& guest_destination, TreeInto into,
                                 const TreeCount& count) const {
  const auto stream = COVE_TRY(channel_.open(ctx, method("PutTree")));
  return send(ctx, *stream, start_chunk(guest_destination, into),
              [&](const TreeEmit& emit) { return read_tree(ctx, sources, emit, count); });
}

Result<CopyTotals> TreeCopy::put_stream(const OpContext& ctx, int fd, const std::string& guest_path,
                                        const TreeCount& count) const {
  const auto stream = COVE_TRY(channel_.open(ctx, method("PutTree")));
  return send(ctx, *stream, start_chunk(guest_path, TreeInto::kNameOrDirectory), [&](const TreeEmit& emit) {
    // The guest gives it the destination's name.
    return read_stream(ctx, fd, "stream", kStreamMode, emit, count);
  });
}

Result<CopyTotals> TreeCopy::get(const OpContext& ctx, const std::string& guest_path,
                                 const std::filesystem::path& destination, TreeInto into,
                                 const TreeCount& count) const {
  TreeWriter writer = COVE_TRY(TreeWriter::create(destination, into));
  const auto stream = COVE_TRY(channel_.open(ctx, method("GetTree")));
  auto totals = COVE_TRY(receive(ctx, *stream, guest_path, [&](const TreeChunk& chunk) -> Result<void> {
    COVE_TRY(writer.apply(ctx, chunk));
    if (count) count(writer.bytes());
    return {};
  }));
  COVE_TRY(writer.finish());
  return totals;
}

Result<CopyTotals> TreeCopy::get_stream(const OpContext& ctx, const std::string& guest_path, int fd,
                                        const TreeCount& count) const {
  TreeToStream writer(fd);
  const auto stream = COVE_TRY(channel_.open(ctx, method("GetTree")));
  auto totals = COVE_TRY(receive(ctx, *stream, guest_path, [&](const TreeChunk& chunk) -> Result<void> {
    COVE_TRY(writer.apply(ctx, chunk));
    if (count) count(writer.bytes());
    return {};
  }));
  COVE_TRY(writer.finish());
  return totals;
}

}  // namespace cove
