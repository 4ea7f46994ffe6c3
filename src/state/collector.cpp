#include "state/collector.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "state/object_sizes.h"
#include "state/store_graph.h"
#include "store/vm_registry.h"

namespace cove {
namespace {

constexpr std::size_t kIdLength = 32;

struct Candidate {
  std::string object{};  // its path below store/
  std::string id{};      // that it belongs to
  enum class Kind : unsigned char {
    kObject,
    kUnfinished,  // a file or folder that becomes an object by a rename
    kRemoval,     // a state that is being removed
  };
  Kind kind = Kind::kObject;
};

// "<id>", "<id>.img", "<id>.pages" are objects; ".<id>.new", ".new-<id>", "<id>.new-1234" and the like are
// unfinished. Nothing for names that are not ours.
std::optional<Candidate> candidate_from(const std::string& folder, const std::string& name) {
  Candidate candidate{.object = folder + "/" + name};
  std::size_t begin = 0;
  if (name.starts_with('.')) {
    candidate.kind = Candidate::Kind::kUnfinished;
    begin = 1;
  }
  for (const std::string_view word : {"new-", "gone-"}) {
    if (begin != 1 || name.compare(begin, word.size(), word) != 0) continue;
    begin += word.size();
    if (word == "gone-") candidate.kind = Candidate::Kind::kRemoval;
  }
  candidate.id = name.substr(begin, kIdLength);
  if (!is_object_id(candidate.id)) return std::nullopt;
  const auto rest = std::string_view(name).substr(begin + kIdLength);
  const bool whole = folder == "ram" ? rest == ".img" || rest == ".pages" : rest.empty();
  if (!whole && rest.empty() && folder == "ram") return std::nullopt;
  if (!whole && candidate.kind == Candidate::Kind::kObject) {
    if (!rest.starts_with('.')) return std::nullopt;
    candidate.kind = Candidate::Kind::kUnfinished;
  }
  return candidate;
}

Result<std::vector<Candidate>> list_candidates(const Home& home) {
  std::vector<Candidate> all;
  // States first: a stop between leaves layers without a state, not a state without layers.
  for (const std::string folder : {"states", "ram", "disk"}) {
    const auto path = home.root() / "store" / folder;
    if (!path_exists(path)) continue;
    for (const auto& name : COVE_TRY(list_directory(path))) {
      if (auto candidate = candidate_from(folder, name)) all.push_back(std::move(*candidate));
    }
  }
  return all;
}

// What the sweep knows of the VMs.
struct Known {
  StoreObjects reached{};
  PendingIds spoken_for{};
  std::set<std::string> disks{};  // that configurations name
};

Result<Known> find_known(const Home& home, const std::vector<VmRoots>& roots) {
  Known known;
  StoreGraph graph(home);
  for (const auto& vm : roots) {
    COVE_TRY(graph.add_all(vm, known.reached).context("vm \"" + vm.vm + "\""));
    known.spoken_for.insert(vm.pending.begin(), vm.pending.end());
    if (!vm.root_disk.empty()) known.disks.insert(vm.root_disk);
  }
  return known;
}

bool is_garbage(const Home& home, const Candidate& candidate, const Known& known) {
  if (candidate.kind == Candidate::Kind::kRemoval) return true;
  if (candidate.kind == Candidate::Kind::kObject) return !known.reached.contains(candidate.object);
  // A VM that is being created names its disk in its configuration instead of speaking for it.
  const bool wanted = known.disks.contains(candidate.id) && !path_exists(home.disk_node(candidate.id));
  return !wanted && !known.spoken_for.contains(candidate.id);
}

Result<void> remove_object(const Home& home, const Candidate& candidate, SweepReport& report) {
  const auto path = home.root() / "store" / candidate.object;
  const auto bytes = object_bytes(path);
  const bool state = candidate.object == state_object(candidate.id);
  COVE_TRY(state ? StateStore(home.root()).remove(candidate.id) : remove_tree(path));
  log_debug("swept from the store", {{"object", candidate.object}});
  ++report.removed;
  report.freed_bytes += bytes;
  return {};
}

bool is_older(const struct stat& info, std::chrono::seconds age) {
  return std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(info.st_ctim.tv_sec) >=
         age;
}

// Nobody holds a lock on it, and it is not on the way from an engine to who will.
void sweep_hot_layers(const std::set<std::string>& in_the_making, const SweepOptions& options,
                      SweepReport& report) {
  const auto prefix = hot_layer_path("");
  const auto folder =
      options.frozen_memory_folder.empty() ? prefix.parent_path() : options.frozen_memory_folder;
  const auto names = list_directory(folder);
  if (!names.ok()) return;
  for (const auto& name : *names) {
    const auto start = prefix.filename().string();
    if (!name.starts_with(start) || !is_object_id(name.substr(start.size()))) continue;
    if (in_the_making.contains(name.substr(start.size()))) continue;
    const auto path = folder / name;
    const auto file = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat info {};
    if (!file.ok() || ::fstat(file->get(), &info) != 0 || info.st_uid != ::geteuid()) continue;
    if (!is_older(info, options.frozen_memory_age)) continue;
    if (!S_ISREG(info.st_mode) || ::flock(file->get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlink(path.c_str()) != 0) continue;
    ++report.removed;
    report.freed_bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
}

}  // namespace

Result<SweepReport> sweep_store(const Home& home, const SweepOptions& options) {
  SweepReport report;
  if (!path_exists(home.vms())) return report;
  COVE_TRY(VmRegistry(home).sweep());
  const FileLock lock = COVE_TRY(home.lock_store());
  const auto candidates = COVE_TRY(list_candidates(home));
  const auto roots = read_roots(home);
  if (!roots.ok()) {
    report.kept = roots.error().message();
    return report;
  }
  std::set<std::string> in_the_making;
  for (const auto& vm : *roots) {
    if (vm.alive) in_the_making.insert(vm.pending.begin(), vm.pending.end());
  }
  sweep_hot_layers(in_the_making, options, report);
  const auto known = find_known(home, *roots);
  if (!known.ok()) {
    report.kept = known.error().message();
    return report;
  }
  for (const auto& candidate : candidates) {
    if (is_garbage(home, candidate, *known)) COVE_TRY(remove_object(home, candidate, report));
  }
  return report;
}

}  // namespace cove
