#include <algorithm>
#include <array>
#include <chrono>

#include "agent/tree_copy.h"
#include "base/strings.h"
#include "cli/agent_call.h"
#include "cli/commands/commands.h"
#include "cli/copy_spec.h"
#include "cli/guest_command.h"
#include "cli/progress_line.h"
#include "cli/terminal.h"
#include "cli/vm_choice.h"
#include "rpc/channel.h"

namespace cove {
namespace {

using Kind = CopySpec::Kind;

constexpr std::array<FlagSpec, 4> kCpFlags{{
    {"user", FlagKind::kText, "USER", "with the rights of this account: the VM's own, or root", ""},
    kWaitFlag,
    {"quiet", FlagKind::kSwitch, "", "no progress and no summary", ""},
    {"r", FlagKind::kSwitch, "", "", ""},  // folders are always copied whole
}};

struct Plan {
  std::vector<CopySpec> sources;
  CopySpec destination;
  enum class Way : std::uint8_t { kIn, kOut } way = Way::kIn;
  TreeInto into = TreeInto::kNameOrDirectory;

  const std::optional<VmName>& vm() const { return way == Way::kIn ? destination.vm : sources.front().vm; }
};

Result<void> check(Invocation& inv, const Plan& plan) {
  const auto all = [&](Kind kind) {
    return std::all_of(plan.sources.begin(), plan.sources.end(),
                       [&](const CopySpec& s) { return s.kind == kind; });
  };
  if (plan.way == Plan::Way::kIn) {
    const bool stream = plan.sources[0].kind == Kind::kStream;
    if (stream && plan.sources.size() == 1 && !names_a_file(plan.destination.path)) {
      const std::string folder = inv.flags.words.back();
      const bool slash = folder.ends_with('/') || folder.ends_with(':');
      return inv.usage(Error(Code::kInvalidArgument, "standard input has no name to get in a folder")
                           .hint("name the file: cove cp - " + folder + (slash ? "" : "/") + "FILE"));
    }
    if (all(Kind::kHost) || (plan.sources.size() == 1 && stream)) return {};
    return inv.usage(Error(Code::kInvalidArgument, "only files here, or \"-\" alone, can be copied to a vm")
                         .hint("copy from vm to vm in two steps, or: cove cp a:/file - | cove cp - b:/file"));
  }
  if (!all(Kind::kGuest)) {
    return inv.usage(Error(Code::kInvalidArgument, "neither side is in a vm").hint("name one as NAME:/path"));
  }
  const bool one_vm = std::all_of(plan.sources.begin(), plan.sources.end(),
                                  [&](const CopySpec& s) { return s.vm == plan.vm(); });
  if (!one_vm) return inv.usage("the sources are in different vms");
  if (plan.destination.kind == Kind::kStream && plan.sources.size() != 1) {
    return inv.usage("only one file can go to standard output");
  }
  return {};
}

Result<Plan> make_plan(Invocation& inv) {
  Plan plan;
  for (const auto& word : inv.flags.words) {
    auto spec = parse_copy_spec(word);
    if (!spec.ok()) return inv.usage(std::move(spec).error());
    plan.sources.push_back(std::move(spec).value());
  }
  plan.destination = std::move(plan.sources.back());
  plan.sources.pop_back();
  plan.way = plan.destination.kind == Kind::kGuest ? Plan::Way::kIn : Plan::Way::kOut;
  COVE_TRY(check(inv, plan));
  if (plan.sources.size() > 1 || plan.destination.path.ends_with('/')) plan.into = TreeInto::kDirectory;
  return plan;
}

Result<CopyTotals> copy_in(const OpContext& ctx, Invocation& inv, const Plan& plan, const TreeCopy& copy,
                           Progress& progress) {
  if (plan.sources[0].kind == Kind::kStream) {
    const auto count = [&](std::uint64_t bytes) { progress.amount(bytes, 0); };
    auto totals = copy.put_stream(ctx, inv.env.in, plan.destination.path, count);
    // Only the guest knows what is a folder there.
    if (!totals.ok() && totals.error().code() == Code::kInvalidArgument)
      return inv.usage(std::move(totals).error());
    return totals;
  }
  std::vector<std::string> paths;
  for (const auto& source : plan.sources) paths.push_back(source.path);
  const auto sources = COVE_TRY(host_sources(paths));
  const std::uint64_t total = tree_bytes(sources);
  return copy.put(ctx, sources, plan.destination.path, plan.into,
                  [&](std::uint64_t bytes) { progress.amount(bytes, total); });
}

Result<CopyTotals> copy_out(const OpContext& ctx, const Invocation& inv, const Plan& plan,
                            const TreeCopy& copy, Progress& progress) {
  CopyTotals all;
  const auto count = [&](std::uint64_t bytes) { progress.amount(all.bytes + bytes, 0); };
  for (const auto& source : plan.sources) {
    auto totals = plan.destination.kind == Kind::kStream
                      ? copy.get_stream(ctx, source.path, inv.env.out, count)
                      : copy.get(ctx, source.path, plan.destination.path, plan.into, count);
    const CopyTotals one = COVE_TRY(std::move(totals).context("copying " + source.path));
    all.files += one.files;
    all.directories += one.directories;
    all.symlinks += one.symlinks;
    all.bytes += one.bytes;
    all.skipped.insert(all.skipped.end(), one.skipped.begin(), one.skipped.end());
    all.failed.insert(all.failed.end(), one.failed.begin(), one.failed.end());
    all.failures += one.failures;
  }
  return all;
}

void report(Invocation& inv, const CopyTotals& totals, std::chrono::duration<double> took) {
  if (inv.json()) {
    Json skipped = Json::array();
    for (const auto& path : totals.skipped) skipped.push_back(path);
    Json failed = Json::array();
    for (const auto& error : totals.failed) failed.push_back(error.message());
    inv.out.print_json(Json::object({{"version", 1},
                                     {"files", totals.files},
                                     {"directories", totals.directories},
                                     {"symlinks", totals.symlinks},
                                     {"bytes", totals.bytes},
                                     {"skipped", std::move(skipped)},
                                     {"failed", std::move(failed)}}));
    return;
  }
  for (const auto& path : totals.skipped)
    inv.out.note("skipped, it has no content to copy: " + printable(path));
  if (inv.flags.is_set("quiet") || !is_terminal(inv.env.err)) return;
  const auto rate =
      static_cast<std::uint64_t>(static_cast<double>(totals.bytes) / std::max(took.count(), 1e-3));
  inv.out.note("copied " + std::to_string(totals.files) + (totals.files == 1 ? " file, " : " files, ") +
               format_bytes(totals.bytes) + ", " + format_bytes(rate) + "/s");
}

// Names what could not be read; the copy went on without it.
Result<int> outcome(Invocation& inv, const CopyTotals& totals) {
  if (totals.failures == 0) return 0;
  if (totals.failures == 1) return totals.failed.front();
  if (!inv.json()) {
    for (const auto& error : totals.failed) inv.out.note("cove: " + printable(error.message()));
  }
  return Error(totals.failed.front().code(), std::to_string(totals.failures) + " could not be copied");
}

Result<int> run_cp(Invocation& inv) {
  const Plan plan = COVE_TRY(make_plan(inv));
  const std::string name = plan.vm() ? plan.vm()->str() : std::string();
  const auto vm = COVE_TRY(choose_vm(inv, name.empty() ? nullptr : &name));
  const auto identity = identity_for(inv.flags.text("user"), COVE_TRY(vm.load_config()));
  if (!identity.user.empty() && identity.user != "root") {
    return inv.usage(Error(Code::kInvalidArgument, "files are copied as the vm's own account or as root")
                         .hint("copy with -user root, then chown in the guest"));
  }
  const OpContext ctx = inv.context();
  const auto channel = COVE_TRY(connect_agent_channel(ctx, vm, *inv.flags.duration("wait")));
  const TreeCopy copy(*channel, identity.realm);
  const auto start = std::chrono::steady_clock::now();
  CopyTotals totals;
  {
    NoProgress silent;
    const bool quiet = inv.flags.is_set("quiet") || !is_terminal(inv.env.err);
    const auto line = quiet ? nullptr : make_progress(inv.env.err);
    Progress& progress = line ? *line : static_cast<Progress&>(silent);
    progress.step("copying");
    totals = COVE_TRY(plan.way == Plan::Way::kIn ? copy_in(ctx, inv, plan, copy, progress)
                                                 : copy_out(ctx, inv, plan, copy, progress));
  }
  report(inv, totals, std::chrono::steady_clock::now() - start);
  return outcome(inv, totals);
}

}  // namespace

constinit const CommandSpec kCpCommand{.name = "cp",
                                       .words = "SRC... DST",
                                       .summary = "copy files and folders between here and a VM",
                                       .flags = kCpFlags,
                                       .word_kind = WordKind::kGuestPath,
                                       .least_words = 2,
                                       .most_words = kAnyNumber,
                                       .stop = FlagStop::kDashes,
                                       .run = run_cp};

}  // namespace cove
