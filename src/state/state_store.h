// StateStore: the saved states in COVE_HOME/store: store/states/<id>/ with a manifest, and the layers of
// memory in store/ram that manifests name. A state appears by one rename, whole and synced, and is never
// changed. Any thread, any process; who makes or removes states keeps others from doing so by the VM's run
// lock and the store's lock.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "format/page_index.h"
#include "state/state_manifest.h"

namespace cove {

inline constexpr std::string_view kDeviceStateFile = "device.state";
inline constexpr std::string_view kVideoFile = "video.pages";
inline constexpr std::string_view kNvramFile = "nvram";
inline constexpr std::string_view kPageIndexFile = "page.index";

// A state that is being made. One thread. Unless committed it goes with its owner.
class StateDraft {
 public:
  StateDraft(StateDraft&& other) noexcept;
  StateDraft& operator=(StateDraft&&) = delete;
  ~StateDraft();

  // Written and synced; the manifest will tell its length and checksum.
  Result<void> add_file(std::string_view name, std::string_view bytes);
  // Completes `manifest` with the files and puts the state in its place. The folder above is synced too.
  Result<StateManifest> commit(StateManifest manifest);

 private:
  friend class StateStore;
  StateDraft(std::filesystem::path hidden, std::filesystem::path final_folder)
      : hidden_(std::move(hidden)), final_(std::move(final_folder)) {}
  std::filesystem::path hidden_;  // empty once committed
  std::filesystem::path final_;
  std::map<std::string, StateFile> files_;
};

// Where a full layer is while engines run on it: a file on tmpfs. Each user holds a shared lock (flock) on
// it; without one it is garbage. The durable copy is StateStore::full_layer().
std::filesystem::path hot_layer_path(const std::string& id);

class StateStore {
 public:
  explicit StateStore(const std::filesystem::path& home)
      : states_(home / "store" / "states"), memory_(home / "store" / "ram") {}

  std::filesystem::path folder(const std::string& id) const { return states_ / id; }
  std::filesystem::path full_layer(const std::string& id) const { return memory_ / (id + ".img"); }
  std::filesystem::path page_layer(const std::string& id) const { return memory_ / (id + ".pages"); }

  Result<StateDraft> begin(const std::string& id) const;
  // kNotFound; kDataLoss or kFailedPrecondition as StateManifest::parse() says.
  Result<StateManifest> load(const std::string& id) const;
  // A file of the state, checked against its manifest. kDataLoss.
  Result<std::string> read(const StateManifest& state, std::string_view name) const;
  // The index of a full state; it fits the manifest's memory.
  Result<PageIndex> page_index(const StateManifest& state) const;
  // Everything that can be told without reading the memory: all files there, lengths and checksums right, all
  // layers there and long enough. Says which is not. Nothing is touched.
  Result<void> check(const StateManifest& state) const;

  Result<std::vector<std::string>> list() const;  // ids, sorted
  // Ids of the layers in store/ram that the state names, full and page layers.
  Result<std::set<std::string>> layers_of(const StateManifest& state) const;
  // Takes it out of sight in one step, then removes its folder. Its layers stay for the collector.
  Result<void> remove(const std::string& id) const;

 private:
  std::filesystem::path states_;
  std::filesystem::path memory_;
};

}  // namespace cove
