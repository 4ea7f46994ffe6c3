#include "store/state_records.h"

#include <optional>
#include <utility>

#include "base/json.h"
#include "model/object_id.h"
#include "model/vm_name.h"

namespace cove {
namespace {

constexpr std::int64_t kRecordVersion = 1;
constexpr std::size_t kMaxPending = 100'000;

Error damaged_record(std::string_view file, std::string_view what) {
  return Error(Code::kDataLoss, std::string(file) + ": " + std::string(what));
}

Result<Json> parse_versioned(std::string_view file, std::string_view text) {
  auto json = Json::parse(text);
  if (!json.ok()) return damaged_record(file, json.error().message());
  const auto version = json->get("version").as_int();
  if (version > kRecordVersion) {
    return Error(Code::kFailedPrecondition,
                 std::string(file) + ": version " + std::to_string(version) + " was written by a newer cove");
  }
  if (version != kRecordVersion) return damaged_record(file, "it has no version");
  return json;
}

std::optional<SuspendRecord::Origin> origin_from(std::string_view text) {
  using enum SuspendRecord::Origin;
  for (const auto origin : {kSuspend, kRestore, kFork}) {
    if (text == to_string(origin)) return origin;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(SuspendRecord::Origin origin) {
  switch (origin) {
    case SuspendRecord::Origin::kRestore:
      return "restore";
    case SuspendRecord::Origin::kFork:
      return "fork";
    default:
      return "suspend";
  }
}

std::string SuspendRecord::to_text() const {
  Json json = Json::object({{"version", kRecordVersion},
                            {"state", state},
                            {"origin", to_string(origin)},
                            {"suspended_at", suspended_at}});
  if (!snapshot.empty()) json.set("snapshot", snapshot);
  return json.dump() + "\n";
}

Result<SuspendRecord> SuspendRecord::parse(std::string_view text) {
  constexpr std::string_view kFile = "suspend.json";
  const auto json = COVE_TRY(parse_versioned(kFile, text));
  const auto origin = origin_from(json.get("origin").as_string());
  SuspendRecord record{.state = json.get("state").as_string(),
                       .snapshot = json.get("snapshot").as_string(),
                       .suspended_at = json.get("suspended_at").as_string()};
  if (!origin) return damaged_record(kFile, "its origin is wrong");
  if (!is_object_id(record.state)) return damaged_record(kFile, "its state is wrong");
  if (!record.snapshot.empty() && !VmName::parse(record.snapshot).ok())
    return damaged_record(kFile, "its snapshot has a name that is none");
  record.origin = *origin;
  return record;
}

std::string pending_text(const PendingIds& ids) {
  Json list = Json::array();
  for (const auto& id : ids) list.push_back(id);
  return Json::object({{"version", kRecordVersion}, {"ids", list}}).dump() + "\n";
}

Result<PendingIds> parse_pending(std::string_view text) {
  constexpr std::string_view kFile = "pending.json";
  const auto json = COVE_TRY(parse_versioned(kFile, text));
  const Json& list = json.get("ids");
  if (!list.is_array() || list.items().size() > kMaxPending)
    return damaged_record(kFile, "its ids are wrong");
  PendingIds ids;
  for (const auto& item : list.items()) {
    if (!is_object_id(item.as_string())) return damaged_record(kFile, "an id is wrong");
    ids.insert(item.as_string());
  }
  return ids;
}

}  // namespace cove
