// The records beside a VM's configuration (session, creation, lock note, token), read as `list` reads them:
// one file of the VM's folder holds the input, the others are sound. The first byte says which.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/files.h"
#include "store/vm_directory.h"
#include "store/vm_reasons.h"

namespace {

struct Folder {
  cove::TempDir root = cove::TempDir::create("/tmp", "cove-fuzz-records-").value();
  cove::VmDirectory vm{cove::Home(root.path()), cove::VmName::parse("vm").value()};
  std::array<std::filesystem::path, 5> files{vm.config_path(), vm.session_path(), vm.creating_path(),
                                             vm.run_lock(), vm.token_path()};
  Folder() {
    cove::VmConfig config;
    config.root_disk = std::string(32, 'a');
    config.mac = "52:54:00:00:00:01";
    if (!cove::make_directories(vm.path()).ok() || !cove::make_directories(vm.home().disk_nodes()).ok() ||
        !cove::write_file_atomic(vm.home().disk_node(config.root_disk), "disk").ok() ||
        !cove::write_file_atomic(root.path() / "config", config.to_json().dump()).ok()) {
      __builtin_trap();
    }
  }
};

// Without fsync, which would be all the time.
void put(const std::filesystem::path& path, std::string_view bytes) {
  const auto fd = cove::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!fd.ok() || ::write(fd->get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Folder folder;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const auto& file : folder.files) ::unlink(file.c_str());
  put(folder.vm.config_path(), cove::read_file(folder.root.path() / "config").value());
  put(folder.files[data[0] % folder.files.size()], text);

  const auto seen = folder.vm.observe();
  // Nobody holds the lock, so nothing may seem to run.
  if (seen.holder || seen.state == cove::MachineState::kRunning) __builtin_trap();
  static_cast<void>(cove::not_running_error(folder.vm, seen));
  if (const auto token = folder.vm.load_token(); token.ok() && token->size() != 64) __builtin_trap();
  static_cast<void>(cove::LockNote::from_text(text));
  if (seen.crash) {
    const auto printed = seen.crash->to_json();
    if (cove::CrashRecord::from_json(printed).to_json() != printed) __builtin_trap();
    if (printed.get("console").items().size() > cove::CrashRecord::kMaxLines) __builtin_trap();
  }
  return 0;
}
