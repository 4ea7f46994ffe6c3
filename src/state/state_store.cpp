#include "state/state_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/io.h"
#include "model/object_id.h"

namespace cove {
namespace {

constexpr std::string_view kDraftPrefix = ".new-";
constexpr std::string_view kRemovalPrefix = ".gone-";
constexpr std::string_view kManifestFile = "manifest.json";
constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 20U;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30U;

Error damaged_state(const std::string& id, std::string_view what) {
  return Error(Code::kDataLoss, "state " + id + ": " + std::string(what));
}

Result<void> write_synced(const std::filesystem::path& path, std::string_view bytes) {
  const auto fd = COVE_TRY(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  COVE_TRY(write_all({}, fd.get(), bytes).context(path.string()));
  if (::fsync(fd.get()) != 0) return Error::from_errno(errno, path.string());
  return {};
}

Result<void> check_length(const std::filesystem::path& path, std::uint64_t least) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, path.string());
  if (static_cast<std::uint64_t>(info.st_size) < least)
    return Error(Code::kDataLoss, path.string() + " is shorter than it has to be");
  return {};
}

// The longest that the index reaches into each of its layers.
std::vector<std::uint64_t> layer_lengths(const PageIndex& index) {
  std::vector<std::uint64_t> lengths(index.layers.size());
  for (const auto& ref : index.pages) {
    if (ref.layer == PageRef::kZeros) continue;
    auto& length = lengths[ref.layer];
    length = std::max(length, (std::uint64_t{ref.slot} + 1) * kPageBytes);
  }
  return lengths;
}

}  // namespace

std::filesystem::path hot_layer_path(const std::string& id) {
  return "/dev/shm/cove-layer-" + std::to_string(::geteuid()) + "-" + id;
}

// --- StateDraft ---

StateDraft::StateDraft(StateDraft&& other) noexcept
    : hidden_(std::exchange(other.hidden_, {})),
      final_(std::move(other.final_)),
      files_(std::move(other.files_)) {}

StateDraft::~StateDraft() {
  if (!hidden_.empty()) static_cast<void>(remove_tree(hidden_));
}

Result<void> StateDraft::add_file(std::string_view name, std::string_view bytes) {
  COVE_TRY(write_synced(hidden_ / name, bytes));
  files_[std::string(name)] = {bytes.size(), Checksum128::of(bytes)};
  return {};
}

Result<StateManifest> StateDraft::commit(StateManifest manifest) {
  manifest.files = files_;
  COVE_TRY(write_synced(hidden_ / kManifestFile, manifest.to_text()));
  COVE_TRY(sync_directory(hidden_));
  COVE_TRY(rename_durably(hidden_, final_));
  hidden_.clear();
  return manifest;
}

// --- StateStore ---

Result<StateDraft> StateStore::begin(const std::string& id) const {
  auto hidden = states_ / (std::string(kDraftPrefix) + id);
  COVE_TRY(remove_tree(hidden));
  COVE_TRY(make_directories(hidden, 0700));
  return StateDraft(std::move(hidden), folder(id));
}

Result<StateManifest> StateStore::load(const std::string& id) const {
  const auto text = COVE_TRY(read_file(folder(id) / kManifestFile, kMaxManifestBytes).context("state " + id));
  return StateManifest::parse(text, id).context("state " + id);
}

Result<std::string> StateStore::read(const StateManifest& state, std::string_view name) const {
  const auto file = state.files.find(std::string(name));
  const std::string shown(name);
  if (file == state.files.end()) return damaged_state(state.id, "it has no " + shown);
  if (file->second.bytes > kMaxFileBytes) return damaged_state(state.id, shown + " is impossibly long");
  auto bytes = read_file(folder(state.id) / name, file->second.bytes + 1);
  if (!bytes.ok() && bytes.error().code() != Code::kResourceExhausted)
    return damaged_state(state.id, bytes.error().message());
  if (!bytes.ok() || bytes->size() != file->second.bytes)
    return damaged_state(state.id,
                         shown + " does not have its length of " + std::to_string(file->second.bytes));
  if (Checksum128::of(*bytes) != file->second.checksum)
    return damaged_state(state.id, "the checksum of " + shown + " does not fit");
  return bytes;
}

Result<PageIndex> StateStore::page_index(const StateManifest& state) const {
  if (!state.memory) return damaged_state(state.id, "it has no memory");
  auto index = parse_page_index(COVE_TRY(read(state, kPageIndexFile)));
  if (!index.ok()) return std::move(index).context("state " + state.id).error();
  if (index->memory_bytes != state.memory->bytes)
    return damaged_state(state.id, "its page index is of another memory");
  return index;
}

Result<void> StateStore::check(const StateManifest& state) const {
  for (const auto& [name, file] : state.files) COVE_TRY(read(state, name));
  if (!state.memory) return {};
  const auto index = COVE_TRY(page_index(state));
  const auto lacks = [&state](const Error& error) { return damaged_state(state.id, error.message()); };
  const auto& layer = state.memory->layer;
  const auto full = check_length(full_layer(layer), state.memory->bytes);
  // A state that is to be forked at once may have its memory only where engines run on it.
  if (!full.ok() && !check_length(hot_layer_path(layer), state.memory->bytes).ok())
    return lacks(full.error());
  const auto lengths = layer_lengths(index);
  for (std::size_t i = 0; i < index.layers.size(); ++i) {
    if (auto there = check_length(page_layer(index.layers[i]), lengths[i]); !there.ok())
      return lacks(there.error());
  }
  return {};
}

Result<std::vector<std::string>> StateStore::list() const {
  std::vector<std::string> ids;
  auto names = list_directory(states_);
  if (!names.ok()) {
    if (names.error().code() == Code::kNotFound) return ids;
    return std::move(names).error();
  }
  for (auto& name : *names) {
    if (is_object_id(name)) ids.push_back(std::move(name));
  }
  return ids;
}

Result<std::set<std::string>> StateStore::layers_of(const StateManifest& state) const {
  std::set<std::string> layers;
  if (!state.memory) return layers;
  const auto named = COVE_TRY(parse_page_index_layers(COVE_TRY(read(state, kPageIndexFile))));
  layers.insert(named.begin(), named.end());
  layers.insert(state.memory->layer);
  return layers;
}

Result<void> StateStore::remove(const std::string& id) const {
  const auto hidden = states_ / (std::string(kRemovalPrefix) + id);
  COVE_TRY(remove_tree(hidden));
  COVE_TRY(rename_durably(folder(id), hidden).context("removing state " + id));
  return remove_tree(hidden);
}

}  // namespace cove
