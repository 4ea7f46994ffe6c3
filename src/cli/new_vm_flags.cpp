#include "cli/new_vm_flags.h"

#include <string.h>

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"
#include "catalog/boot_disk.h"
#include "catalog/image_cache.h"
#include "cli/forward_flag.h"
#include "cli/terminal.h"
#include "provision/password.h"
#include "provision/user_name.h"

namespace cove {
namespace {

constexpr std::size_t kMaxKeyFile = std::size_t{1} << 20U;

Result<std::string> first_line_of(Invocation& inv, const std::string& file) {
  if (file == "-") return read_line(inv.context(), inv.env.in);
  const auto text =
      COVE_TRY(read_file(inv.env.working_directory / file, 4096).context("reading the password"));
  auto line = text.substr(0, text.find('\n'));
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

// The clear password, gone when this returns its hash; "" = none was given and none is asked for.
Result<std::string> password_hash_from(Invocation& inv, const std::string& user, AskPassword ask,
                                       const std::string& known_hash) {
  const auto& flags = inv.flags;
  if (flags.given("password") && flags.given("password-file")) {
    return inv.usage("-password and -password-file exclude each other");
  }
  std::string clear;
  const bool can_ask = ask == AskPassword::kIfWanted && is_terminal(inv.env.in);
  const auto prompt = "Password for " + user;
  if (flags.given("password-file")) {
    clear = COVE_TRY(first_line_of(inv, std::string(flags.text("password-file"))));
  } else if (flags.text("password") == "-") {
    clear = can_ask ? COVE_TRY(ask_password(inv.context(), prompt))
                    : COVE_TRY(read_line(inv.context(), inv.env.in));
  } else if (flags.given("password")) {
    clear = std::string(flags.text("password"));
  } else if (flags.given("user") && !flags.given("ssh-key") && can_ask) {
    // Somebody who names an account wants to log in to it.
    clear = COVE_TRY(ask_password(inv.context(), prompt));
  } else {
    return std::string();
  }
  auto hash = password_matches(clear, known_hash) ? Result<std::string>(known_hash) : hash_password(clear);
  ::explicit_bzero(clear.data(), clear.size());
  if (!hash.ok()) return inv.usage(std::move(hash).error());
  return hash;
}

Result<std::vector<std::string>> ssh_keys_from(Invocation& inv) {
  std::vector<std::string> keys;
  for (const auto& value : inv.flags.texts("ssh-key")) {
    const bool literal = value.find(' ') != std::string::npos && value.find("AAAA") != std::string::npos;
    const auto text =
        literal ? value
                : COVE_TRY(read_file(inv.env.working_directory / value, kMaxKeyFile).context("-ssh-key"));
    for (const auto line : split(text, '\n')) {
      if (trim(line).empty() || trim(line).front() == '#') continue;
      auto key = check_ssh_key(line);
      if (!key.ok()) return inv.usage(std::move(key).context("-ssh-key " + value).error());
      keys.push_back(*key);
    }
  }
  return keys;
}

Result<void> set_choices(Invocation& inv, VmConfig& config) {
  const auto network = inv.flags.text("network");
  if (network != "nat" && network != "none") return inv.usage("-network must be nat or none");
  config.network = network == "nat" ? NetworkMode::kNat : NetworkMode::kNone;
  const auto boot = inv.flags.text("boot");
  if (boot != "kernel" && boot != "uefi") return inv.usage("-boot must be kernel or uefi");
  config.boot = boot == "kernel" ? BootMode::kKernel : BootMode::kUefi;
  for (const auto& text : inv.flags.texts("forward")) {
    auto forward = parse_forward_flag(text);
    if (!forward.ok()) return inv.usage(std::move(forward).error());
    config.forwards.push_back(*forward);
  }
  if (!config.forwards.empty() && config.network == NetworkMode::kNone) {
    return inv.usage("-forward needs a network, and -network is none");
  }
  return {};
}

std::vector<std::string> image_names(const ImageCache& cache) {
  std::vector<std::string> names(kBuildableImages.begin(), kBuildableImages.end());
  const auto all = cache.list();
  if (!all.ok()) return names;
  for (const auto& entry : *all) {
    for (const auto& ref : entry.refs) {
      if (std::find(names.begin(), names.end(), ref.str()) == names.end()) names.push_back(ref.str());
    }
  }
  return names;
}

// Before any work: what can neither be found nor built is a word mistyped, and a disk that is too small for
// it is, too.
Result<void> check_image(Invocation& inv, const ImageRef& ref, std::uint64_t disk_gb) {
  const ImageCache cache(inv.env.home);
  const auto cached = cache.find(ref);
  const bool there = !cached.ok() || cached->has_value();
  if (!there &&
      std::find(kBuildableImages.begin(), kBuildableImages.end(), ref.str()) == kBuildableImages.end()) {
    return inv.usage(
        Error(Code::kNotFound, "there is no image \"" + std::string(inv.flags.text("image")) + "\"")
            .hint("-image is one of: " + join(image_names(cache), ", ")));
  }
  const auto least = cached.ok() && *cached ? (*cached)->manifest.disk_bytes : BootDiskPlan{}.bytes;
  if ((disk_gb << 30U) >= least) return {};
  return inv.usage(Error(Code::kOutOfRange,
                         "a disk of " + std::to_string(disk_gb) + " GB is too small for image " + ref.str())
                       .hint("use -disk-size " +
                             std::to_string((least + (std::uint64_t{1} << 30U) - 1) >> 30U) + " or more"));
}

Result<void> set_sizes(Invocation& inv, VmConfig& config) {
  const auto in_range = [&](const char* flag, std::uint64_t value, std::uint64_t most) -> Result<void> {
    if (value >= 1 && value <= most) return {};
    return inv.usage("-" + std::string(flag) + " must be 1 to " + std::to_string(most));
  };
  const auto cpus = inv.flags.count("cpu").value_or(0);
  COVE_TRY(in_range("cpu", cpus, 256));
  config.cpus = static_cast<std::uint32_t>(cpus);
  config.memory_gb = inv.flags.gigabytes("memory").value_or(0);
  COVE_TRY(in_range("memory", config.memory_gb, 512));
  config.disk_gb = inv.flags.gigabytes("disk-size").value_or(0);
  return in_range("disk-size", config.disk_gb, 16384);
}

}  // namespace

Result<void> check_constant_switches(Invocation& inv, std::initializer_list<std::string_view> names) {
  const auto why = [](std::string_view name) {
    if (name == "linux") return "guests are Linux here";
    if (name == "headless") return "VMs have no window here";
    return "up leaves the VM running in the background; 'cove run' keeps it in the foreground";
  };
  for (const auto name : names) {
    if (!inv.flags.given(name) || inv.flags.is_set(name)) continue;
    return inv.usage("-" + std::string(name) + "=false: " + why(name));
  }
  return {};
}

Result<VmConfig> config_from_flags(Invocation& inv, AskPassword ask, const std::string& known_hash) {
  VmConfig config;
  COVE_TRY(check_constant_switches(inv, {"linux", "headless"}));
  COVE_TRY(set_sizes(inv, config));
  COVE_TRY(set_choices(inv, config));
  auto image = ImageRef::parse(inv.flags.text("image"));
  if (!image.ok()) return inv.usage(std::move(image).error());
  COVE_TRY(check_image(inv, *image, config.disk_gb));
  config.image = image->str();
  config.user.name = inv.flags.given("user") ? std::string(inv.flags.text("user")) : image->family;
  if (auto checked = check_user_name(config.user.name); !checked.ok())
    return inv.usage(std::move(checked).error());
  config.user.admin = inv.flags.is_set("admin");
  config.user.ssh_keys = COVE_TRY(ssh_keys_from(inv));
  config.user.password_hash = COVE_TRY(password_hash_from(inv, config.user.name, ask, known_hash));
  return config;
}

}  // namespace cove
