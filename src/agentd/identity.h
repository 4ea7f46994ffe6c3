// identity: the parts of who a guest is: its machine id, its name, its SSH host keys. Each part is set by
// itself, is left alone where it is so already, and is not forced to disk. Blocking; any thread. `root` is
// the guest's root folder: where it is not "/", the kernel and processes of this machine are left alone.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/file_swap.h"
#include "base/cancel.h"
#include "base/result.h"

namespace cove::agentd {

// /etc/machine-id and, where it is a file, /var/lib/dbus/machine-id. kInvalidArgument: not 32 lower-case hex
// digits.
Result<Change> set_machine_id(const std::filesystem::path& root, const std::string& id);

// /etc/hostname, the line of 127.0.1.1 in /etc/hosts and the kernel's name. kInvalidArgument: not one label.
Result<Change> name_host(const std::filesystem::path& root, const std::string& name);

struct HostKey {
  std::string name;  // of its file in /etc/ssh: "ssh_host_ed25519_key"
  std::string private_key;
  std::string public_key;
};
enum class OtherKeys : unsigned char { kKeep, kRemove };
// kNotFound: the guest has no /etc/ssh. kInvalidArgument, before anything is written: a name or a key that
// cannot be.
Result<Change> put_host_keys(const std::filesystem::path& root, const std::vector<HostKey>& keys,
                             OtherKeys others);
constexpr std::string_view kRsaHostKey = "ssh_host_rsa_key";
bool has_rsa_host_key(const std::filesystem::path& root);
// Takes as long as finding two primes does. Ends early with ctx.
Result<void> make_rsa_host_key(const OpContext& ctx, const std::filesystem::path& root);

// Has a running sshd read its keys anew. kNone: none runs.
Result<Change> tell_sshd(const std::filesystem::path& root);

}  // namespace cove::agentd
