#include <algorithm>

#include "base/io.h"
#include "proto/cove_agent.pb.h"
#include "tree/tree_failure.h"
#include "tree/tree_hash.h"
#include "tree/tree_writer.h"

namespace cove {

using agent::v1::TreeChunk;
using agent::v1::TreeEntry;
using agent::v1::TreeItem;

struct TreeToStream::Impl {
  int fd;
  enum class Stage : std::uint8_t { kNothing, kInside, kComplete } stage = Stage::kNothing;
  std::uint64_t size = 0;  // the most there may be if it is unknown
  bool size_known = true;
  std::uint64_t written = 0;
  TreeHash hash{};

  Result<void> zeros(const OpContext& ctx, std::uint64_t until) {
    const std::string block(std::size_t{64} << 10U, '\0');
    while (written < until) {
      const auto count = std::min<std::uint64_t>(block.size(), until - written);
      COVE_TRY(write_all(ctx, fd, std::string_view(block).substr(0, count)));
      written += count;
    }
    return {};
  }

  Result<void> item(const OpContext& ctx, const TreeItem& item) {
    if (item.has_entry()) {
      const TreeEntry& entry = item.entry();
      if (stage != Stage::kNothing || entry.type() != TreeEntry::FILE) {
        return Error(Code::kInvalidArgument, "only one file can go to a stream")
            .hint("name a folder to copy a tree");
      }
      size_known = !entry.stream();
      size = size_known ? entry.size() : std::uint64_t{1} << 62U;
      stage = Stage::kInside;
      if (!entry.has_content()) return {};
      if (TreeHash::of(entry.content()) != entry.xxh64()) return Error(Code::kDataLoss, "checksum mismatch");
      stage = Stage::kComplete;
      written = entry.content().size();
      return write_all(ctx, fd, entry.content());
    }
    if (item.has_failure()) return error_of(item.failure());
    if (stage != Stage::kInside) return Error(Code::kInvalidArgument, "copy stream: data outside a file");
    if (item.has_data()) {
      if (item.data().offset() < written || item.data().offset() > size ||
          item.data().data().size() > size - item.data().offset()) {
        return Error(Code::kInvalidArgument, "copy stream: data out of order");
      }
      COVE_TRY(zeros(ctx, item.data().offset()));
      hash.update(item.data().data());
      written += item.data().data().size();
      return write_all(ctx, fd, item.data().data());
    }
    if (hash.digest() != item.end().xxh64()) return Error(Code::kDataLoss, "checksum mismatch");
    stage = Stage::kComplete;
    return size_known ? zeros(ctx, size) : Result<void>();
  }
};

TreeToStream::TreeToStream(int fd) : impl_(new Impl{.fd = fd}) {}
TreeToStream::~TreeToStream() = default;

Result<void> TreeToStream::apply(const OpContext& ctx, const TreeChunk& chunk) {
  for (const auto& item : chunk.items()) COVE_TRY(impl_->item(ctx, item));
  return {};
}

Result<void> TreeToStream::finish() const {
  if (impl_->stage == Impl::Stage::kComplete) return {};
  return Error(Code::kDataLoss, "the copy ended before the file did");
}

Result<void> TreeToStream::apply(const OpContext& ctx, const TreeItem& item) {
  return impl_->item(ctx, item);
}

std::uint64_t TreeToStream::bytes() const { return impl_->written; }

}  // namespace cove
