// GuestAgentClient: what the host asks of the agent inside one guest. Blocking; any thread but a loop's, and
// several threads at once (each call is an rpc of its own on a shared connection). Every call ends with
// kUnavailable when the guest is restored or its agent restarts; the next call connects anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/process.h"
#include "base/result.h"

namespace cove {

struct AgentInfo {
  std::string hostname;
  std::string os_version;      // PRETTY_NAME of os-release
  std::string kernel_version;  // uname -r
  std::string arch;            // amd64, arm64
  std::uint64_t memory_total_bytes = 0;
  std::uint64_t memory_available_bytes = 0;
  std::uint64_t disk_total_bytes = 0;  // of /
  std::uint64_t disk_available_bytes = 0;
  std::vector<std::string> users;
  double load_average[3] = {0, 0, 0};
  std::uint64_t uptime_seconds = 0;
  std::string agent_version;
  std::string agent_commit;
  std::string agent_build_date;
  std::string agent_sha256;  // its program's first 12 hex digits, or "unknown"
};

struct AgentHello {
  std::uint32_t api_version = 0;
  std::string agent_version;
  std::string boot_id;
  std::string realm_user;  // whom commands of this realm run as
  std::vector<std::string> features;
};

struct TerminalSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
};

struct ExecRequest {
  std::vector<std::string> args;  // args[0] is looked up in the guest's PATH unless it has a slash; no shell
  std::map<std::string, std::string> environment;  // on top of the login-like one
  std::string working_directory;                   // relative to the user's home; empty: the home
  std::string user;                                // empty: the realm's; others in the system realm only
  std::chrono::milliseconds timeout{0};            // 0: none; the guest ends the command by itself
  std::optional<TerminalSize> terminal;            // a PTY: output comes as kStdout only
  std::string terminal_type;                       // TERM, with a terminal
  enum class Stdin : std::uint8_t { kNone, kStream };
  Stdin standard_input = Stdin::kNone;  // kNone: /dev/null
};

enum class ExecStream : std::uint8_t { kStdout, kStderr };

struct ExecEnd {
  ExitStatus status;
  enum class Reason : std::uint8_t { kEnded, kTimeout };
  Reason reason = Reason::kEnded;
  std::chrono::nanoseconds duration{0};
};

struct ExecResult {
  ExecEnd end;
  std::string out;
  std::string err;
};

class ExecSink {
 public:
  virtual ~ExecSink() = default;
  // Output in order per stream; an error ends the command.
  virtual Result<void> on_output(ExecStream stream, std::string_view bytes) = 0;
};

// One running command. Destroying it kills the command (TERM, then KILL) if it still runs.
class ExecSession {
 public:
  virtual ~ExecSession() = default;
  // One thread: hands output to `sink` until the command ends.
  virtual Result<ExecEnd> wait(const OpContext& ctx, ExecSink& sink) = 0;
  // The rest ends with kUnavailable once the command has. Input from any one other thread.
  virtual Result<void> write_stdin(const OpContext& ctx, std::string_view bytes) = 0;
  virtual Result<void> close_stdin(const OpContext& ctx) = 0;
  // Any thread, also while another one waits to write input.
  virtual Result<void> resize(const OpContext& ctx, TerminalSize size) = 0;
  virtual Result<void> signal(const OpContext& ctx, int number) = 0;  // to the command's process group
};

struct GuestUser {
  std::string name;
  std::optional<std::uint32_t> uid;  // empty: the first free one from 1000
  std::string full_name;
  std::string shell;                // empty: /bin/bash, else /bin/sh
  std::string home;                 // empty: /home/NAME
  std::vector<std::string> groups;  // supplementary; made if missing
  enum class Sudo : std::uint8_t { kNo, kWithoutPassword };
  Sudo sudo = Sudo::kNo;
  enum class Password : std::uint8_t { kKeep, kLock, kHash };
  Password password = Password::kKeep;  // a new user starts locked
  std::string password_hash;            // crypt(3) form, never the password
  std::vector<std::string> ssh_keys;    // lines added to ~/.ssh/authorized_keys
  enum class Realm : std::uint8_t { kKeep, kBecome };
  Realm realm = Realm::kKeep;  // kBecome: the user realm runs as this user from now on
};

// What came of one of several things that were asked for.
struct ItemOutcome {
  enum class End : std::uint8_t { kDone, kSkipped, kFailed };
  std::string item;  // "machine-id", "hostname", ...; or where a file system is mounted
  End end = End::kDone;
  std::string detail;
};

struct SshHostKey {
  std::string name;         // of its file in /etc/ssh: "ssh_host_ed25519_key"
  std::string private_key;  // OpenSSH's text
  std::string public_key;   // one line
};

// Who a guest is. An empty member leaves alone what the guest has.
struct NewIdentity {
  std::string machine_id;  // 32 lower-case hex digits
  std::string hostname;    // one label
  std::string old_mac;     // "52:54:00:12:34:56": the interface that gets `mac`
  std::string mac;
  std::vector<SshHostKey> host_keys;
  // kReplace: keys of types not given go; an RSA key that was there is made anew by the guest, later.
  enum class OtherHostKeys : std::uint8_t { kKeep, kReplace };
  OtherHostKeys other_host_keys = OtherHostKeys::kKeep;
};

struct ThawOutcome {
  enum class Was : std::uint8_t {
    kNotFrozen,
    kFrozen,   // until this call
    kExpired,  // until the deadline, which came first
  };
  Was was = Was::kNotFrozen;
  std::vector<ItemOutcome> filesystems;  // kDone: thawed
};

class GuestAgentClient {
 public:
  enum class Realm : std::uint8_t { kSystem, kUser };
  enum class Force : std::uint8_t { kNo, kYes };
  virtual ~GuestAgentClient() = default;

  // The version handshake; kFailedPrecondition when the two do not understand each other.
  virtual Result<AgentHello> hello(const OpContext& ctx, Realm realm) = 0;
  // The round trip.
  virtual Result<std::chrono::nanoseconds> ping(const OpContext& ctx) = 0;
  virtual Result<AgentInfo> info(const OpContext& ctx) = 0;

  // kNotFound: no such command (or user, or directory: the message says). A command that ran and failed is a
  // value.
  virtual Result<ExecResult> exec(const OpContext& ctx, Realm realm, const ExecRequest& request,
                                  std::string_view input) = 0;
  virtual Result<ExecEnd> exec_stream(const OpContext& ctx, Realm realm, const ExecRequest& request,
                                      ExecSink& sink) = 0;
  virtual Result<std::unique_ptr<ExecSession>> attach(const OpContext& ctx, Realm realm,
                                                      const ExecRequest& request) = 0;

  virtual Result<std::string> read_file(const OpContext& ctx, std::string_view guest_path,
                                        std::uint64_t max_bytes) = 0;
  // Replaces the file as one step (temporary name, rename); makes parents; mode 0 = 0644.
  virtual Result<void> write_file(const OpContext& ctx, std::string_view guest_path, std::string_view bytes,
                                  std::uint32_t mode) = 0;
  virtual Result<void> make_directory(const OpContext& ctx, std::string_view guest_path,
                                      std::uint32_t mode) = 0;

  // Sets the guest's clock to the host's and stirs fresh bytes into its random number generator.
  virtual Result<void> set_clock(const OpContext& ctx) = 0;
  virtual Result<void> ensure_user(const OpContext& ctx, const GuestUser& user) = 0;
  virtual Result<void> set_hostname(const OpContext& ctx, std::string_view name) = 0;
  // Grows the partition and file system of / to the disk; the new size of / in bytes.
  virtual Result<std::uint64_t> grow_root(const OpContext& ctx) = 0;
  virtual Result<void> sync(const OpContext& ctx) = 0;
  // An item that fails is a value. Returns when the guest is the new one for whatever starts from now on;
  // its disk follows.
  virtual Result<std::vector<ItemOutcome>> set_identity(const OpContext& ctx,
                                                        const NewIdentity& identity) = 0;
  // Freezes every local file system that is mounted writable; kDone: frozen. The guest thaws them by itself
  // after `deadline` (1 ms to 60 s). kFailedPrecondition: they are frozen already.
  virtual Result<std::vector<ItemOutcome>> freeze_filesystems(const OpContext& ctx,
                                                              std::chrono::milliseconds deadline) = 0;
  virtual Result<ThawOutcome> thaw_filesystems(const OpContext& ctx) = 0;
  virtual Result<void> shutdown(const OpContext& ctx, Force force) = 0;
  virtual Result<void> reboot(const OpContext& ctx) = 0;
};

}  // namespace cove
