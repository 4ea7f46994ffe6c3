#include <algorithm>

#include "base/strings.h"
#include "cli/new_vm_flags.h"
#include "model/forward_list.h"

namespace cove {
namespace {

// The flags that do not hold: what to say of each, and the words that would change them.
class Differences {
 public:
  Differences(const Invocation& inv, std::string vm) : inv_(inv), vm_(std::move(vm)) {}

  // What `cove set` changes: with a stop before, or at once.
  template <typename Value>
  void settable(const char* flag, const Value& has, const Value& wanted) {
    if (!inv_.flags.given(flag) || has == wanted) return;
    const std::string value(inv_.flags.text(flag));
    note(flag, value, std::to_string(has));
    stopped_.push_back(" -" + std::string(flag) + " " + value);
  }
  void forward(const PortForward& wanted, const std::string& value, const VmConfig& has) {
    if (std::find(has.forwards.begin(), has.forwards.end(), wanted) != has.forwards.end()) return;
    lines_.push_back("-forward " + value + ": it has no such forward");
    live_.push_back(" -forward " + value);
  }
  // What is settled when a VM is made.
  void made_once(const char* flag, std::string_view has, std::string_view wanted) {
    if (!inv_.flags.given(flag) || has == wanted) return;
    note(flag, std::string(inv_.flags.text(flag)), std::string(has));
    remake_ = true;
  }
  // What its user can change inside.
  void in_guest(const std::string& line) {
    lines_.push_back(line);
    inside_ = true;
  }

  Result<void> verdict() const {
    if (lines_.empty()) return {};
    std::vector<std::string> hints;
    if (!stopped_.empty())
      hints.push_back("change it: cove stop " + vm_ + "; cove set" + join(stopped_, "") + " " + vm_);
    if (!live_.empty()) hints.push_back("add it, also while it runs: cove set" + join(live_, "") + " " + vm_);
    if (inside_) hints.push_back("change its account inside: cove shell -vm " + vm_ + " -user root");
    if (remake_ || inside_) hints.push_back("or make it anew, which loses its disk: cove delete " + vm_);
    hints.push_back("or leave these flags out: cove up " + vm_);
    return Error(Code::kFailedPrecondition,
                 "vm \"" + vm_ + "\" is there already, and not as the flags say:\n  " + join(lines_, "\n  "))
        .hint(join(hints, "\n"));
  }

 private:
  void note(const std::string& flag, const std::string& value, const std::string& has) {
    lines_.push_back("-" + flag + " " + value + ": it has " + (has.empty() ? "none" : has));
  }

  const Invocation& inv_;
  std::string vm_;
  std::vector<std::string> lines_;
  std::vector<std::string> stopped_;
  std::vector<std::string> live_;
  bool inside_ = false;
  bool remake_ = false;
};

std::string yes_or_no(bool value) { return value ? "true" : "false"; }

}  // namespace

Result<void> check_flags_hold(const Invocation& inv, const std::string& vm, const VmConfig& has,
                              const VmConfig& wanted) {
  Differences found(inv, vm);
  found.settable("cpu", has.cpus, wanted.cpus);
  found.settable("memory", has.memory_gb, wanted.memory_gb);
  found.settable("disk-size", has.disk_gb, wanted.disk_gb);
  const auto written = inv.flags.texts("forward");
  for (std::size_t i = 0; i < wanted.forwards.size(); ++i) found.forward(wanted.forwards[i], written[i], has);
  found.made_once("image", has.image, wanted.image);
  found.made_once("network", to_string(has.network), to_string(wanted.network));
  found.made_once("boot", to_string(has.boot), to_string(wanted.boot));
  found.made_once("user", has.user.name, wanted.user.name);
  found.made_once("admin", yes_or_no(has.user.admin), yes_or_no(wanted.user.admin));
  const bool password = inv.flags.given("password") || inv.flags.given("password-file");
  if (password && has.user.password_hash != wanted.user.password_hash) {
    found.in_guest(
        std::string(inv.flags.given("password") ? "-password" : "-password-file") + ": " +
        (has.user.password_hash.empty() ? "it was made without one" : "it was made with another one"));
  }
  for (const auto& key : wanted.user.ssh_keys) {
    const auto& known = has.user.ssh_keys;
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    found.in_guest("-ssh-key " + key.substr(0, 40) + "...: it was made without this key");
  }
  return found.verdict();
}

}  // namespace cove
