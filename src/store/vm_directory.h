// VmDirectory: one VM's folder: the names of its files, its configuration, its lock, and what the files say
// about it. A value; any thread. Writers hold the run lock; readers need nothing.
#pragma once

#include <optional>
#include <string>

#include "base/file_lock.h"
#include "base/json.h"
#include "model/machine_state.h"
#include "model/vm_config.h"
#include "store/crash_record.h"
#include "store/home.h"
#include "store/snapshot_tree.h"
#include "store/state_records.h"

namespace cove {

// Who holds a VM's run lock, and what for. Stored in the lock file, true while the lock is held.
struct LockNote {
  int pid = 0;
  std::string purpose;  // "supervisor", or what a command does: "create", "delete", "set"
  std::string since;    // RFC 3339 UTC
  // Of a supervisor: "starting", "running", "paused" or "stopping", as it last said. Written at each change,
  // so that what the VM is doing is known also while its supervisor does not answer.
  std::string phase{};

  std::string to_text() const;
  static LockNote from_text(std::string_view text);
};

inline constexpr std::string_view kStoppingPhase = "stopping";

// What the files and the lock say, without asking a running supervisor.
struct Observation {
  MachineState state = MachineState::kBroken;
  std::string reason{};                      // why crashed, broken, or creating stands still; empty otherwise
  std::optional<LockNote> holder{};          // somebody holds the run lock now
  std::optional<CrashRecord> crash{};        // kCrashed, if the supervisor lived to write it
  std::optional<SuspendRecord> suspended{};  // kSuspended: what the next run goes on from
  // kBroken: what the cure depends on. kConfig: a file that may be repaired; kNewer: a newer cove wrote it.
  enum class Damage : unsigned char { kBeyondRepair, kConfig, kNewer };
  Damage damage = Damage::kBeyondRepair;
  // The supervisor holds the lock: it alone knows more than its note says.
  bool has_supervisor() const { return holder && holder->purpose == "supervisor"; }
  // It is going down for good and gives up the lock soon.
  bool stopping() const { return has_supervisor() && holder->phase == kStoppingPhase; }
};

class VmDirectory {
 public:
  VmDirectory(Home home, VmName name) : home_(std::move(home)), name_(std::move(name)) {}

  const Home& home() const { return home_; }
  const VmName& name() const { return name_; }
  std::filesystem::path path() const { return home_.vm(name_); }
  std::filesystem::path config_path() const { return path() / "config.json"; }
  std::filesystem::path control_socket() const { return path() / "control.sock"; }
  std::filesystem::path agent_socket() const { return path() / "agent.sock"; }
  std::filesystem::path token_path() const { return path() / "control.token"; }
  std::filesystem::path run_lock() const { return path() / "run.lock"; }
  std::filesystem::path serial_log() const { return path() / "serial.log"; }
  std::filesystem::path supervisor_log() const { return path() / "supervisor.log"; }
  std::filesystem::path nvram() const { return path() / "nvram"; }
  // Where the VM's memory is while it runs: a name on tmpfs that follows from which folder this is, not from
  // what it is called, so that what a crash leaves there is found and removed also after a rename. Empty if
  // there is no folder.
  std::filesystem::path ram_path() const;
  // Removes memory that a crash left, if nobody holds the VM; whether there was some.
  bool drop_stale_ram() const;
  // Where the supervisor keeps a dot-file while it runs; left behind only by a crash.
  std::filesystem::path session_path() const { return path() / "session.json"; }
  std::filesystem::path snapshots_path() const { return path() / "snapshots.json"; }
  std::filesystem::path suspend_path() const { return path() / "suspend.json"; }
  std::filesystem::path pending_path() const { return path() / "pending.json"; }
  // There while the VM is being created: {"phase": "..."}.
  std::filesystem::path creating_path() const { return path() / "creating.json"; }

  bool exists() const;
  // Somebody put the folder elsewhere and left a link, and it is not there any more.
  bool is_dead_link() const;
  Result<VmConfig> load_config() const;
  Result<void> save_config(const VmConfig& config) const;  // the caller holds the lock; mode 0600

  // kFailedPrecondition at once when somebody holds it; the message says who and what for.
  Result<FileLock> lock(std::string_view purpose) const;
  // Says in the note of our own lock what the supervisor's VM is doing; for observe() of others.
  Result<void> note_phase(FileLock& held, std::string_view phase) const;
  // Waits for the lock as long as ctx allows.
  Result<FileLock> lock_waiting(const OpContext& ctx, std::string_view purpose) const;

  // 64 lower-case hex digits. Made at creation; a blank or over-readable file is an error with its cure.
  Result<std::string> load_token() const;
  Result<void> write_new_token() const;

  // The session record: written by the supervisor when it has the lock, removed when the VM ended in order.
  Result<void> begin_session() const;
  Result<void> end_session() const;
  // The machine died under its supervisor: the record stays and says why, for observe().
  Result<void> end_session_crashed(const CrashRecord& record) const;

  // What the VM holds of the store's saved states; a file that is not there is empty or nothing. The caller
  // of those that change them has the lock; each change is durable when it returns.
  Result<SnapshotTree> load_snapshots() const;
  Result<void> save_snapshots(const SnapshotTree& tree) const;
  Result<std::optional<SuspendRecord>> load_suspend() const;
  Result<void> save_suspend(const SuspendRecord& record) const;
  Result<void> clear_suspend() const;
  Result<PendingIds> load_pending() const;
  Result<void> save_pending(const PendingIds& ids) const;  // none: the file goes

  Result<void> set_creating(std::string_view phase) const;
  Result<std::optional<std::string>> creating_phase() const;
  Result<void> clear_creating() const;

  Observation observe() const;

 private:
  Observation observe_files() const;
  Home home_;
  VmName name_;
};

}  // namespace cove
