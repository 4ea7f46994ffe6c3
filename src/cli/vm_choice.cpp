#include "cli/vm_choice.h"

#include <algorithm>

#include "base/log.h"

namespace cove {

VmRegistry registry_of(const Environment& env) { return VmRegistry(Home(env.home)); }

Result<VmName> choose_name(Invocation& inv, const std::string* word) {
  const std::string flag(inv.flags.text("vm"));
  const auto parse = [&](const std::string& text) -> Result<VmName> {
    auto name = VmName::parse(text);
    if (!name.ok()) return inv.usage(std::move(name).error());
    return name;
  };
  if (word != nullptr && inv.flags.given("vm") && flag != *word) {
    return inv.usage("two different VMs are named: -vm " + flag + " and " + *word);
  }
  if (word != nullptr) return parse(*word);
  if (inv.flags.given("vm")) return parse(flag);
  if (!inv.env.chosen_vm.empty()) {
    return parse(inv.env.chosen_vm).context("the VM named by COVE_VM");
  }
  const auto registry = registry_of(inv.env);
  if (const auto active = COVE_TRY(registry.active())) return *active;
  const auto all = COVE_TRY(registry.list());
  return all.size() == 1 ? all.front() : VmName::parse("default");
}

Result<VmDirectory> choose_vm(Invocation& inv, const std::string* word) {
  const auto name = COVE_TRY(choose_name(inv, word));
  const auto registry = registry_of(inv.env);
  log_debug("the vm", {{"name", name.str()}, {"home", inv.env.home.string()}});
  auto opened = registry.open(name);
  const bool named = word != nullptr || inv.flags.given("vm") || !inv.env.chosen_vm.empty();
  if (!opened.ok() && opened.error().code() == Code::kNotFound && !named) {
    const auto all = COVE_TRY(registry.list());
    if (all.empty()) return Error(Code::kNotFound, "there is no VM yet").hint("make one: cove up");
    return Error(Code::kNotFound, "no VM is named, and there are " + std::to_string(all.size()))
        .hint("name one: cove " + std::string(inv.command.name) + " -vm " + all.front().str() +
              "\nor choose one for good: cove vm set " + all.front().str());
  }
  return opened;
}

Result<VmDirectory> choose_vm(Invocation& inv) {
  return choose_vm(inv, inv.flags.words.empty() ? nullptr : &inv.flags.words.front());
}

Result<std::vector<VmDirectory>> choose_vms(Invocation& inv) {
  std::vector<VmDirectory> chosen;
  const auto registry = registry_of(inv.env);
  if (inv.flags.is_set("all")) {
    if (!inv.flags.words.empty() || inv.flags.given("vm"))
      return inv.usage("-all and a VM's name exclude each other");
    for (const auto& name : COVE_TRY(registry.list())) chosen.emplace_back(registry.home(), name);
    return chosen;
  }
  if (inv.flags.words.size() <= 1) {
    chosen.push_back(COVE_TRY(choose_vm(inv)));
    return chosen;
  }
  if (inv.flags.given("vm")) return inv.usage("-vm and several names exclude each other");
  // All names are looked at before anything is done to the first.
  for (const auto& word : inv.flags.words) {
    auto directory = COVE_TRY(choose_vm(inv, &word));
    const bool twice =
        std::any_of(chosen.begin(), chosen.end(), [&](auto& d) { return d.name() == directory.name(); });
    if (!twice) chosen.push_back(std::move(directory));
  }
  return chosen;
}

}  // namespace cove
