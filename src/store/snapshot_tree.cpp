#include "store/snapshot_tree.h"

#include <algorithm>
#include <map>
#include <utility>

#include "model/object_id.h"
#include "model/vm_name.h"

namespace cove {
namespace {

constexpr std::int64_t kTreeVersion = 1;

Error damaged_tree(std::string_view what) {
  return Error(Code::kDataLoss, "list of snapshots: " + std::string(what));
}

Json snapshot_json(const Snapshot& snapshot) {
  Json json = Json::object({{"name", snapshot.name},
                            {"state", snapshot.state},
                            {"kind", to_string(snapshot.kind)},
                            {"parent", snapshot.parent},
                            {"created_at", snapshot.created_at}});
  if (!snapshot.description.empty()) json.set("description", snapshot.description);
  return json;
}

Result<Snapshot> snapshot_from(const Json& json) {
  const auto& kind = json.get("kind").as_string();
  Snapshot snapshot{
      .name = json.get("name").as_string(),
      .state = json.get("state").as_string(),
      .kind = kind == to_string(SnapshotKind::kDisk) ? SnapshotKind::kDisk : SnapshotKind::kFull,
      .parent = json.get("parent").as_string(),
      .created_at = json.get("created_at").as_string(),
      .description = json.get("description").as_string()};
  if (!VmName::parse(snapshot.name).ok()) return damaged_tree("a name that is none");
  if (kind != to_string(snapshot.kind)) return damaged_tree("the kind of \"" + snapshot.name + "\" is wrong");
  if (!is_object_id(snapshot.state)) return damaged_tree("the state of \"" + snapshot.name + "\" is wrong");
  return snapshot;
}

}  // namespace

std::string_view to_string(SnapshotKind kind) { return kind == SnapshotKind::kFull ? "full" : "disk"; }

Result<SnapshotTree> SnapshotTree::parse(std::string_view text) {
  SnapshotTree tree;
  if (text.empty()) return tree;
  const auto json = Json::parse(text);
  if (!json.ok()) return damaged_tree(json.error().message());
  const auto version = json->get("version").as_int();
  if (version > kTreeVersion)
    return Error(Code::kFailedPrecondition,
                 "list of snapshots: version " + std::to_string(version) + " was written by a newer cove");
  if (version != kTreeVersion || !json->get("snapshots").is_array())
    return damaged_tree("it does not look like one");
  if (json->get("snapshots").items().size() > kMaxSnapshots) return damaged_tree("too many snapshots");
  for (const auto& item : json->get("snapshots").items())
    tree.snapshots_.push_back(COVE_TRY(snapshot_from(item)));
  tree.current_ = json->get("current").as_string();
  COVE_TRY(tree.check());
  return tree;
}

// A parent stands before its children, so there are neither circles nor strangers.
Result<void> SnapshotTree::check() const {
  std::map<std::string_view, bool> seen;
  for (const auto& snapshot : snapshots_) {
    if (!snapshot.parent.empty() && !seen.contains(snapshot.parent))
      return damaged_tree("the parent of \"" + snapshot.name + "\" is not before it");
    if (!seen.emplace(snapshot.name, true).second)
      return damaged_tree("\"" + snapshot.name + "\" stands in it twice");
  }
  if (!current_.empty() && !seen.contains(current_)) return damaged_tree("the current one is not in it");
  return {};
}

std::string SnapshotTree::to_text() const {
  Json list = Json::array();
  for (const auto& snapshot : snapshots_) list.push_back(snapshot_json(snapshot));
  return Json::object({{"version", kTreeVersion}, {"current", current_}, {"snapshots", std::move(list)}})
             .dump(2) +
         "\n";
}

const Snapshot* SnapshotTree::find(std::string_view name) const {
  const auto found = std::find_if(snapshots_.begin(), snapshots_.end(),
                                  [name](const Snapshot& snapshot) { return snapshot.name == name; });
  return found == snapshots_.end() ? nullptr : &*found;
}

Result<void> SnapshotTree::add(Snapshot snapshot) {
  COVE_TRY(VmName::parse(snapshot.name));
  if (find(snapshot.name) != nullptr)
    return Error(Code::kAlreadyExists, "a snapshot named \"" + snapshot.name + "\" exists already");
  if (snapshots_.size() >= kMaxSnapshots)
    return Error(Code::kResourceExhausted,
                 "a VM has " + std::to_string(kMaxSnapshots) + " snapshots at most");
  snapshot.parent = current_;
  current_ = snapshot.name;
  snapshots_.push_back(std::move(snapshot));
  return {};
}

Result<void> SnapshotTree::remove(std::string_view name) {
  const auto* found = find(name);
  if (found == nullptr) return Error(Code::kNotFound, "no snapshot \"" + std::string(name) + "\"");
  const Snapshot gone = *found;
  for (auto& snapshot : snapshots_) {
    if (snapshot.parent == gone.name) snapshot.parent = gone.parent;
  }
  if (current_ == gone.name) current_ = gone.parent;
  std::erase_if(snapshots_, [&gone](const Snapshot& snapshot) { return snapshot.name == gone.name; });
  return {};
}

Result<void> SnapshotTree::set_current(std::string_view name) {
  if (find(name) == nullptr) return Error(Code::kNotFound, "no snapshot \"" + std::string(name) + "\"");
  current_ = name;
  return {};
}

}  // namespace cove
