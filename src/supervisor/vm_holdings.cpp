#include "supervisor/vm_holdings.h"

#include <sys/file.h>

#include <cerrno>

#include "base/files.h"
#include "base/log.h"
#include "disk/disk_chain.h"
#include "disk/disk_nodes.h"
#include "state/memory_layers.h"

namespace cove {

Result<void> VmHoldings::set_base(std::string id, UniqueFd file) {
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) return Error::from_errno(errno, "holding the memory");
  base_ = Base{std::move(id), std::move(file)};
  newer_.reset();
  last_.reset();
  return {};
}

void VmHoldings::set_layer(std::string id, UniqueFd file) {
  newer_ = Base{std::move(id), std::move(file)};
  last_.reset();
}

void VmHoldings::forget_last(const std::string& state) {
  if (last_ && last_->state == state) last_.reset();
}

PendingIds VmHoldings::held() const {
  PendingIds ids;
  if (base_) ids.insert(base_->id);
  if (newer_) ids.insert(newer_->id);
  if (last_) ids.insert(last_->index.layers.begin(), last_->index.layers.end());
  if (!fork_base_.empty()) ids.insert(fork_base_);
  return ids;
}

Result<void> VmHoldings::speak_for(const PendingIds& ids) {
  spoken_for_.insert(ids.begin(), ids.end());
  return directory_.save_pending(spoken_for_);
}

Result<void> VmHoldings::speak_for_chain(const std::string& node) {
  const auto chain = COVE_TRY(chain_of(DiskNodes(directory_.home().root()), node));
  COVE_TRY(speak_for({chain.begin(), chain.end()}));
  // What went before it was spoken for is not opened by a name that nobody has.
  COVE_TRY(chain_of(DiskNodes(directory_.home().root()), node));
  return {};
}

void VmHoldings::settle() {
  if (const auto written = write_held(); !written.ok())
    log_warn("pending.json keeps more than is needed", {{"reason", written.error().message()}});
}

Result<void> VmHoldings::write_held() {
  PendingIds ids = held();
  if (ids == spoken_for_) return {};
  COVE_TRY(directory_.save_pending(ids));
  spoken_for_ = std::move(ids);
  return {};
}

Result<void> VmHoldings::end() {
  base_.reset();
  newer_.reset();
  last_.reset();
  fork_base_.clear();
  return write_held();
}

Result<std::filesystem::path> VmHoldings::disk_path(const std::string& node) const {
  return DiskNodes(directory_.home().root()).path_of(node);
}

Result<void> VmHoldings::make_overlay(const std::string& node, const std::string& overlay,
                                      std::uint64_t bytes) const {
  return DiskNodes(directory_.home().root())
      .add_overlay(node, overlay, bytes)
      .context("making the disk's next layer");
}

Result<void> VmHoldings::make_base_durable(Progress& progress) const {
  const auto layer = store_.full_layer(base_->id);
  if (path_exists(layer)) return {};
  return write_full_layer({}, base_->file.get(), layer, progress);
}

}  // namespace cove
