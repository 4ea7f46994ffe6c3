#include "agent/ssh_host_keys.h"

#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::size_t kMaxKeyBytes = std::size_t{16} << 10U;

Result<SshHostKey> read_key(const std::filesystem::path& folder, const std::string& name) {
  SshHostKey key;
  key.name = name;
  key.private_key = COVE_TRY(read_file(folder / name, kMaxKeyBytes));
  key.public_key = COVE_TRY(read_file(folder / (name + ".pub"), kMaxKeyBytes));
  return key;
}

Result<SshHostKey> make_key(const OpContext& ctx, const std::filesystem::path& folder,
                            const std::string& type, const std::string& hostname) {
  const std::string name = "ssh_host_" + type + "_key";
  SpawnOptions options;
  options.argv = {"ssh-keygen", "-q", "-t", type, "-N", "", "-C", "root@" + hostname, "-f", folder / name};
  const auto output = COVE_TRY(run_command(ctx, options).context("making an SSH host key"));
  if (!output.status.success()) {
    const auto complaint = trim(output.err);
    return Error(Code::kInternal,
                 "ssh-keygen: " + (complaint.empty() ? output.status.describe() : std::string(complaint)));
  }
  return read_key(folder, name);
}

}  // namespace

Result<std::vector<SshHostKey>> make_ssh_host_keys(const OpContext& ctx, const std::string& hostname) {
  // Memory rather than a disk, where there is the choice: private keys of a guest need no block of ours.
  auto folder = TempDir::create("/dev/shm", "cove-keys");
  if (!folder.ok()) folder = TempDir::create("/tmp", "cove-keys");
  const TempDir own = COVE_TRY(std::move(folder));
  std::vector<SshHostKey> keys;
  for (const char* type : {"ed25519", "ecdsa"}) {
    keys.push_back(COVE_TRY(make_key(ctx, own.path(), type, hostname)));
  }
  return keys;
}

}  // namespace cove
