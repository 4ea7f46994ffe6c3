// memory_layers: the two kinds of files in store/ram that hold guests' memory
// (docs/design/010-state-engine.md). Both appear whole under their names, synced, and are never changed
// afterwards. Any thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/unique_fd.h"
#include "format/page_index.h"

namespace cove {

// Copies a memory that nobody writes to any more into a new full layer. Pages of zeros become holes, also
// where the source holds them as data. The new file's blocks are on disk when this returns.
Result<void> write_full_layer(const OpContext& ctx, int memory_fd, const std::filesystem::path& layer,
                              Progress& progress);

// Builds a state's page index while the changed pages are handed to it, and the page layer with those that
// the state before does not have already. One thread.
class PageLayerWriter {
 public:
  struct Options {
    std::filesystem::path layer;  // the file to be made
    std::string layer_id;         // how the index names it
    std::uint64_t memory_bytes = 0;
    const PageIndex* before = nullptr;  // of the state before, over the same full layer; borrowed
    // The full layer that the index is over, if the pages come from a machine that maps an older one: what is
    // the same there is left out. -1: they are all in the index. Borrowed.
    int full_layer = -1;
  };
  static Result<PageLayerWriter> create(Options options);
  PageLayerWriter(PageLayerWriter&&) = default;
  PageLayerWriter& operator=(PageLayerWriter&&) = delete;
  ~PageLayerWriter();  // unless finished, removes what was written

  // Whole pages that follow each other, the first being `page`; calls go upwards.
  Result<void> add(std::uint32_t page, std::string_view bytes);
  // No page was new: no layer is made, and the index does not name it.
  Result<PageIndex> finish();

 private:
  PageLayerWriter(Options options, UniqueFd fd);
  Result<void> add_changed(std::uint32_t page, std::string_view bytes);
  Result<void> add_page(std::uint32_t page, std::string_view bytes);
  std::optional<PageRef> known(std::uint32_t page, const Checksum128& sum);
  std::uint32_t take_over(std::uint32_t layer_of_before);
  Result<void> flush();

  Options options_;
  UniqueFd fd_;
  PageIndex index_;
  std::vector<std::uint32_t> layer_numbers_;  // of `before`'s layers in the new index, or kZeros
  std::size_t before_at_ = 0;
  std::uint32_t slots_ = 0;
  std::string pending_;
};

// A new full layer that holds what `full_layer` and the index over it hold together. Its blocks are on disk
// when this returns. kDataLoss as read_indexed_pages().
Result<void> write_merged_layer(const OpContext& ctx, int full_layer, const PageIndex& index,
                                const std::function<Result<UniqueFd>(const std::string& layer_id)>& open,
                                const std::filesystem::path& layer, Progress& progress);

// Every page of the index, ascending, checked against its checksum; runs that lie together come together.
// `open` gives the file of a page layer. kDataLoss names the layer.
Result<void> read_indexed_pages(
    const PageIndex& index, const std::function<Result<UniqueFd>(const std::string& layer_id)>& open,
    const std::function<Result<void>(std::uint32_t page, std::string_view bytes)>& take);

}  // namespace cove
