// VmHoldings: what a running VM holds of the store: the disk node it writes to, the frozen memory that its
// engine maps, the last state's index, and the ids it has spoken for (pending.json). Owned by the supervisor;
// used by the one thread that works on the VM's states, and before the loop runs.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/progress.h"
#include "base/unique_fd.h"
#include "format/page_index.h"
#include "state/state_store.h"
#include "store/vm_directory.h"

namespace cove {

class VmHoldings {
 public:
  VmHoldings(VmDirectory directory, std::string root_disk)
      : directory_(std::move(directory)),
        store_(directory_.home().root()),
        root_disk_(std::move(root_disk)) {}

  // The memory that was frozen and is mapped privately from now on. None: the machine booted.
  struct Base {
    std::string id;  // of the full layer
    UniqueFd file;   // with a shared lock on it, by which others see that it is used
  };

  const VmDirectory& directory() const { return directory_; }
  const StateStore& store() const { return store_; }
  const std::string& root_disk() const { return root_disk_; }
  void set_root_disk(std::string id) { root_disk_ = std::move(id); }
  const std::optional<Base>& base() const { return base_; }
  Result<void> set_base(std::string id, UniqueFd file);
  // The full layer that states are saved over: the base, or a newer one in which what had changed since the
  // base was put together with it. Any page that differs between the two is one that the engine changed.
  const Base& layer() const { return newer_ ? *newer_ : *base_; }
  int newer_layer() const { return newer_ ? newer_->file.get() : -1; }
  void set_layer(std::string id, UniqueFd file);
  // Of the last state over this base whose layers are still there: pages that did not change are not written
  // again. nullptr: none.
  const PageIndex* last_index() const { return last_ ? &last_->index : nullptr; }
  void set_last(std::string state, PageIndex index) { last_ = Last{std::move(state), std::move(index)}; }
  // The state is deleted: its layers are not kept for the next one's sake.
  void forget_last(const std::string& state);

  // A state that others are about to go on from is kept until the next one, or the VM's end.
  void keep_for_forks(std::string state) { fork_base_ = std::move(state); }

  // Adds to the ids spoken for; on disk when it returns, so what they name may be made.
  Result<void> speak_for(const PendingIds& ids);
  // The same for a node and all below it: an engine is about to open them by their names, which another VM's
  // merge and a sweep could take away meanwhile. settle() ends it.
  Result<void> speak_for_chain(const std::string& node);
  // Only what is held is spoken for from now on. If that cannot be written, more than needed is kept until
  // the next time: what was just committed does not fail for it.
  void settle();
  // The VM has ended: nothing is.
  Result<void> end();

  // A new empty overlay over `node`, on disk when it returns; its id is spoken for. 0 bytes: as large as
  // that.
  Result<void> make_overlay(const std::string& node, const std::string& overlay, std::uint64_t bytes) const;
  Result<std::filesystem::path> disk_path(const std::string& node) const;
  // The base's layer is in the store, not only in memory.
  Result<void> make_base_durable(Progress& progress) const;

 private:
  Result<void> write_held();
  struct Last {
    std::string state;
    PageIndex index;
  };
  PendingIds held() const;

  VmDirectory directory_;
  StateStore store_;
  std::string root_disk_;
  std::optional<Base> base_;
  std::optional<Base> newer_;
  std::optional<Last> last_;
  std::string fork_base_;
  PendingIds spoken_for_;
};

}  // namespace cove
