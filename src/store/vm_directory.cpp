#include "store/vm_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/clock.h"
#include "base/files.h"
#include "base/strings.h"
#include "store/vm_reasons.h"

namespace cove {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxStateBytes = std::size_t{16} << 20U;
constexpr std::size_t kTokenDigits = 64;

std::string now_text() { return format_rfc3339(std::chrono::system_clock::now()); }

// Changes with every boot of the host: tells a crash of ours from a restart of the machine.
std::string host_boot_id() {
  auto id = read_file("/proc/sys/kernel/random/boot_id", 128);
  return id.ok() ? std::string(trim(*id)) : std::string();
}

Result<std::optional<std::string>> read_if_there(const std::filesystem::path& path, std::size_t max_bytes) {
  auto text = read_file(path, max_bytes);
  if (text.ok()) return std::optional<std::string>(std::move(text).value());
  if (text.error().code() == Code::kNotFound) return std::optional<std::string>();
  return std::move(text).error();
}

Result<std::optional<Json>> read_json_if_there(const std::filesystem::path& path) {
  const auto text = COVE_TRY(read_if_there(path, kMaxConfigBytes));
  if (!text) return std::optional<Json>();
  return std::optional<Json>(COVE_TRY(Json::parse(*text).context(path.string())));
}

Result<void> remove_if_there(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) return Error::from_errno(errno, path.string());
  return sync_directory(path.parent_path());
}

Observation broken_config(const VmDirectory& vm, const Error& error) {
  if (vm.is_dead_link()) {
    std::error_code failure;
    const auto target = std::filesystem::read_symlink(vm.path(), failure);
    return {.reason = vm.path().string() + " is a link to " + target.string() + ", which is not there"};
  }
  using Damage = Observation::Damage;
  const auto damage = error.code() == Code::kFailedPrecondition ? Damage::kNewer
                      : error.code() == Code::kNotFound         ? Damage::kBeyondRepair
                                                                : Damage::kConfig;
  return {.reason = error.message(), .damage = damage};
}

}  // namespace

std::string LockNote::to_text() const {
  auto json = Json::object({{"pid", pid}, {"purpose", purpose}, {"since", since}});
  if (!phase.empty()) json.set("phase", phase);
  return json.dump() + "\n";
}

LockNote LockNote::from_text(std::string_view text) {
  const auto json = Json::parse(text.substr(0, text.find('\n')));
  if (!json.ok()) return {};
  return {static_cast<int>(json->get("pid").as_int()), json->get("purpose").as_string(),
          json->get("since").as_string(), json->get("phase").as_string()};
}

std::filesystem::path VmDirectory::ram_path() const {
  struct stat folder {};
  if (::stat(path().c_str(), &folder) < 0) return {};
  char name[80];
  std::snprintf(name, sizeof name, "cove-ram-%u-%llx-%llx", ::geteuid(),
                static_cast<unsigned long long>(folder.st_dev),
                static_cast<unsigned long long>(folder.st_ino));
  return std::filesystem::path("/dev/shm") / name;
}

bool VmDirectory::drop_stale_ram() const {
  if (!path_exists(ram_path())) return false;
  const auto held = lock("sweep");
  return held.ok() && ::unlink(ram_path().c_str()) == 0;
}

bool VmDirectory::exists() const { return path_exists(path()); }

bool VmDirectory::is_dead_link() const {
  struct stat status {};
  return path_exists(path()) && ::stat(path().c_str(), &status) < 0 && errno == ENOENT;
}

Result<VmConfig> VmDirectory::load_config() const {
  const std::string text = COVE_TRY(read_file(config_path(), kMaxConfigBytes));
  return VmConfig::from_json(COVE_TRY(Json::parse(text).context(config_path().string())))
      .context(config_path().string());
}

Result<void> VmDirectory::save_config(const VmConfig& config) const {
  COVE_TRY(config.validate());
  return write_file_atomic(config_path(), config.to_json().dump(2) + "\n", 0600);
}

Result<FileLock> VmDirectory::lock(std::string_view purpose) const {
  const LockNote mine{::getpid(), std::string(purpose), now_text()};
  auto held = FileLock::acquire(run_lock(), mine.to_text());
  if (held.ok() || held.error().code() != Code::kFailedPrecondition) return held;
  const auto note = COVE_TRY(FileLock::holder(run_lock()));
  const LockNote other = LockNote::from_text(note.value_or(""));
  if (other.purpose == "supervisor") {
    return Error(Code::kFailedPrecondition,
                 "vm \"" + name_.str() + "\" is running (pid " + std::to_string(other.pid) + ")")
        .hint("stop it first: cove stop " + name_.str());
  }
  return busy_error(name_, other);
}

Result<void> VmDirectory::note_phase(FileLock& held, std::string_view phase) const {
  const auto note = COVE_TRY(FileLock::holder(run_lock()));
  LockNote mine = LockNote::from_text(note.value_or(""));
  if (mine.phase == phase) return {};
  mine.phase = phase;
  return held.set_note(mine.to_text());
}

Result<FileLock> VmDirectory::lock_waiting(const OpContext& ctx, std::string_view purpose) const {
  SystemClock clock;
  for (;;) {
    auto held = lock(purpose);
    if (held.ok() || held.error().code() != Code::kFailedPrecondition) return held;
    if (auto slept = clock.sleep(ctx, std::chrono::milliseconds(10)); !slept.ok()) return held;
  }
}

Result<std::string> VmDirectory::load_token() const {
  struct stat status {};
  if (::stat(token_path().c_str(), &status) < 0) return Error::from_errno(errno, token_path().string());
  if ((status.st_mode & 077U) != 0) {
    return Error(Code::kPermissionDenied, token_path().string() + " can be read by others")
        .hint("chmod 600 " + shell_quote(token_path().string()));
  }
  const std::string text = COVE_TRY(read_file(token_path(), 4096));
  std::string token(trim(text));
  if (token.size() != kTokenDigits || !hex_decode(token)) {
    return Error(Code::kDataLoss, token_path().string() + " does not hold a token")
        .hint("delete the file while the VM is stopped; the next run makes a new one");
  }
  return token;
}

Result<void> VmDirectory::write_new_token() const {
  return write_file_atomic(token_path(), hex_encode(random_bytes(kTokenDigits / 2)) + "\n", 0600);
}

Result<void> VmDirectory::begin_session() const {
  const Json record = Json::object({{"version", 1},
                                    {"pid", static_cast<int>(::getpid())},
                                    {"started_at", now_text()},
                                    {"boot_id", host_boot_id()}});
  return write_file_atomic(session_path(), record.dump() + "\n", 0600);
}

Result<void> VmDirectory::end_session() const { return remove_if_there(session_path()); }

Result<void> VmDirectory::end_session_crashed(const CrashRecord& record) const {
  const Json session =
      Json::object({{"version", 1}, {"boot_id", host_boot_id()}, {"crash", record.to_json()}});
  return write_file_atomic(session_path(), session.dump() + "\n", 0600);
}

Result<SnapshotTree> VmDirectory::load_snapshots() const {
  const auto text = COVE_TRY(read_if_there(snapshots_path(), kMaxStateBytes));
  return SnapshotTree::parse(text.value_or("")).context(snapshots_path().string());
}

Result<void> VmDirectory::save_snapshots(const SnapshotTree& tree) const {
  return write_file_atomic(snapshots_path(), tree.to_text(), 0600);
}

Result<std::optional<SuspendRecord>> VmDirectory::load_suspend() const {
  const auto text = COVE_TRY(read_if_there(suspend_path(), kMaxConfigBytes));
  if (!text) return std::optional<SuspendRecord>();
  return std::optional<SuspendRecord>(COVE_TRY(SuspendRecord::parse(*text).context(suspend_path().string())));
}

Result<void> VmDirectory::save_suspend(const SuspendRecord& record) const {
  return write_file_atomic(suspend_path(), record.to_text(), 0600);
}

Result<void> VmDirectory::clear_suspend() const { return remove_if_there(suspend_path()); }

Result<PendingIds> VmDirectory::load_pending() const {
  const auto text = COVE_TRY(read_if_there(pending_path(), kMaxStateBytes));
  if (!text) return PendingIds();
  return parse_pending(*text).context(pending_path().string());
}

Result<void> VmDirectory::save_pending(const PendingIds& ids) const {
  if (ids.empty()) return remove_if_there(pending_path());
  return write_file_atomic(pending_path(), pending_text(ids), 0600);
}

Result<void> VmDirectory::set_creating(std::string_view phase) const {
  return write_file_atomic(creating_path(), Json::object({{"version", 1}, {"phase", phase}}).dump() + "\n",
                           0600);
}

Result<std::optional<std::string>> VmDirectory::creating_phase() const {
  const auto record = COVE_TRY(read_json_if_there(creating_path()));
  if (!record) return std::optional<std::string>();
  return std::optional<std::string>(record->get("phase").as_string());
}

Result<void> VmDirectory::clear_creating() const { return remove_if_there(creating_path()); }

Observation VmDirectory::observe() const {
  const auto note = FileLock::holder(run_lock());
  if (!note.ok()) return {MachineState::kBroken, note.error().message(), {}};
  Observation seen = observe_files();
  if (!note->has_value()) return seen;
  seen.holder = LockNote::from_text(**note);
  if (seen.has_supervisor()) {
    seen.reason.clear();
    seen.crash.reset();
    seen.suspended.reset();
    seen.state = machine_state_from(seen.holder->phase).value_or(MachineState::kStarting);
    if (seen.stopping()) {
      seen.state = MachineState::kRunning;
      seen.reason = "is being stopped";
    }
  } else if (seen.state == MachineState::kCreating || seen.holder->purpose == "create") {
    seen.state = MachineState::kCreating;
    seen.reason = "by pid " + std::to_string(seen.holder->pid);
  }
  return seen;
}

Observation VmDirectory::observe_files() const {
  const auto phase = creating_phase();
  if (!phase.ok()) return {.reason = phase.error().message(), .damage = Observation::Damage::kConfig};
  if (phase->has_value()) {
    return {MachineState::kCreating, "creation was interrupted while " + **phase, {}};
  }
  const auto config = load_config();
  if (!config.ok()) return broken_config(*this, config.error());
  if (config->root_disk.empty() || !path_exists(home_.disk_node(config->root_disk))) {
    return {MachineState::kBroken,
            "its root disk is missing: " + home_.disk_node(config->root_disk).string(),
            {}};
  }
  // Before the session's record: a VM that was about to go on when it crashed is still suspended.
  const auto suspended = load_suspend();
  if (!suspended.ok()) return {.reason = suspended.error().message(), .damage = Observation::Damage::kConfig};
  if (suspended->has_value()) return {.state = MachineState::kSuspended, .suspended = **suspended};
  const auto session = read_json_if_there(session_path());
  if (!session.ok()) return {MachineState::kCrashed, session.error().message(), {}};
  if (session->has_value()) {
    const Json& record = **session;
    if (const Json& crash = record.get("crash"); crash.is_object()) {
      auto evidence = CrashRecord::from_json(crash);
      auto reason = evidence.reason;
      return {.state = MachineState::kCrashed, .reason = std::move(reason), .crash = std::move(evidence)};
    }
    const bool same_boot = record.get("boot_id").as_string() == host_boot_id();
    return {MachineState::kCrashed,
            same_boot ? "its supervisor (pid " + std::to_string(record.get("pid").as_int()) +
                            ") ended without stopping it"
                      : std::string("the host restarted while it ran"),
            {}};
  }
  return {MachineState::kStopped, {}, {}};
}

}  // namespace cove
