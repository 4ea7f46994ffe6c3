#include "agentd/aftermath.h"

#include <net/if.h>
#include <unistd.h>

#include <chrono>

#include "agentd/identity.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process.h"

namespace cove::agentd {
namespace {

// A guest's first moments are for what it was made for: restarting journald costs an emulated CPU more than
// all that comes before the first command, and a fork is seldom made alone.
constexpr auto kUsersFirst = std::chrono::seconds(2);
constexpr auto kJournalLimit = std::chrono::seconds(30);
constexpr auto kLeaseLimit = std::chrono::seconds(30);
constexpr auto kKeyLimit = std::chrono::minutes(10);

Result<void> run_quietly(const OpContext& ctx, std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
  const auto output = COVE_TRY(run_command(ctx, options));
  if (output.status.success()) return {};
  return Error(Code::kInternal, options.argv[0] + ": " + output.status.describe() + " " + output.err);
}

// journald writes into the folder of the machine id that it read when it started; journalctl reads that of
// the present one, and would show nothing. Its clients keep their connections over its restart.
Result<void> move_journal(const OpContext& ctx) {
  if (!path_exists("/run/systemd/system")) return {};
  return run_quietly(ctx, {"systemctl", "try-restart", "systemd-journald.service"});
}

// systemd-networkd keeps a file for each interface that has a lease.
Result<void> renew_lease(const OpContext& ctx, const std::string& interface) {
  const std::filesystem::path leases = "/run/systemd/netif/leases";
  if (!path_exists(leases / std::to_string(::if_nametoindex(interface.c_str())))) return {};
  return run_quietly(ctx, {"networkctl", "renew", interface});
}

void note(const char* what, const Result<void>& outcome) {
  if (!outcome.ok()) log_warn(what, {{"reason", outcome.error().message()}});
}

}  // namespace

Aftermath::Aftermath(std::filesystem::path root) : root_(std::move(root)) {
  thread_ = Thread("identity", [this] {
    for (;;) {
      auto job = jobs_.take({});
      if (!job.ok() || !job->has_value() || over_.token().cancelled()) return;
      run(**job);
    }
  });
}

Aftermath::~Aftermath() {
  over_.cancel();
  give_up_rsa_key();
  jobs_.close();
}

bool Aftermath::give_up_rsa_key() {
  return now_.with([](Now& now) {
    now.rsa.cancel();
    return now.rsa_due;
  });
}

void Aftermath::start(const Work& work) {
  Job job{work, {}};
  if (work.rsa == Work::RsaKey::kMake) {
    job.rsa = now_.with([this](Now& now) {
      now = {true, CancelSource::child_of(over_.token())};
      return now.rsa.token();
    });
  }
  const OpContext no_wait{{}, Deadline::after(std::chrono::nanoseconds(0))};
  note("too much follows one another", jobs_.put(no_wait, std::move(job)));
}

void Aftermath::run(const Job& job) {
  if (root_ == "/") {
    ::sync();
    if (!SystemClock().sleep({over_.token(), {}}, kUsersFirst).ok()) return;
  }
  if (job.work.journal == Work::Journal::kMoves) {
    const OpContext ctx{over_.token(), Deadline::after(kJournalLimit)};
    note("the journal stays with the old machine id", move_journal(ctx));
  }
  if (!job.work.interface.empty()) {
    const OpContext ctx{over_.token(), Deadline::after(kLeaseLimit)};
    note("the lease was not renewed", renew_lease(ctx, job.work.interface));
  }
  if (job.work.rsa == Work::RsaKey::kMake) make_rsa(job.rsa);
}

void Aftermath::make_rsa(const CancelToken& cancel) {
  const auto made = make_rsa_host_key({cancel, Deadline::after(kKeyLimit)}, root_);
  const bool given_up = now_.with([&](Now& now) {
    if (!cancel.cancelled()) now.rsa_due = false;
    return cancel.cancelled();
  });
  if (given_up) return;  // another one follows
  note("no RSA host key was made", made);
  if (!made.ok()) return;
  if (const auto told = tell_sshd(root_); !told.ok()) note("sshd was not told", told.error());
  if (root_ == "/") ::sync();
}

}  // namespace cove::agentd
