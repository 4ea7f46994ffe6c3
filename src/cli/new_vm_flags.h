// The flags that describe a new VM (up, install) and the configuration they make.
#pragma once

#include <initializer_list>

#include "cli/command.h"
#include "model/vm_config.h"

namespace cove {

inline constexpr FlagSpec kNewVmFlags[] = {
    {"cpu", FlagKind::kCount, "N", "virtual CPUs, 1 to 256", "2"},
    {"memory", FlagKind::kGigabytes, "GB", "memory, 1 to 512 GB", "4"},
    {"disk-size", FlagKind::kGigabytes, "GB", "size of the disk; only what is used takes room", "64"},
    {"image", FlagKind::kText, "IMAGE", "what is on the disk", "debian:12"},
    {"user", FlagKind::kText, "NAME", "the account to make (default: the image's name, debian)", ""},
    {"password", FlagKind::kText, "TEXT", "its password; '-' asks, which keeps it out of ps and history", ""},
    {"password-file", FlagKind::kText, "FILE",
     "a file whose first line is the password; '-' is standard input", ""},
    {"ssh-key", FlagKind::kTexts, "FILE", "a public key that may log in, or the key itself; may be repeated",
     ""},
    {"admin", FlagKind::kSwitch, "", "the account may use sudo without a password", "true"},
    {"forward", FlagKind::kTexts, "HOST:GUEST",
     "a TCP port of this host that leads into the guest; may be repeated", ""},
    {"network", FlagKind::kText, "MODE", "nat, or none", "nat"},
    {"boot", FlagKind::kText, "HOW", "kernel (fast), or uefi", "kernel"},
    {"linux", FlagKind::kSwitch, "", "", ""},
    {"headless", FlagKind::kSwitch, "", "", ""},
};

// Switches for what is always so here; they are taken from command lines written elsewhere. Usage error for
// one that is taken back ("-headless=false"), which nothing would obey.
Result<void> check_constant_switches(Invocation& inv, std::initializer_list<std::string_view> names);

enum class AskPassword : unsigned char { kNever, kIfWanted };
// Mistakes are usage errors. May ask for a password on the terminal, so call it before any work. A password
// that `known_hash` was made of gets that very hash, so that it can be compared.
Result<VmConfig> config_from_flags(Invocation& inv, AskPassword ask, const std::string& known_hash = {});

// Of a VM that is there: kFailedPrecondition names each flag that was given and says something else than the
// VM's configuration, and how to have it so.
Result<void> check_flags_hold(const Invocation& inv, const std::string& vm, const VmConfig& has,
                              const VmConfig& wanted);

}  // namespace cove
