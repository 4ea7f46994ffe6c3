#include "provision/vm_maker.h"

#include <algorithm>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "disk/disk_nodes.h"
#include "model/forward_list.h"

namespace cove {
namespace {

Result<void> check_disk_size(const VmConfig& config, const ImageManifest& image) {
  if (config.disk_bytes() >= image.disk_bytes) return {};
  const auto least = (image.disk_bytes + (std::uint64_t{1} << 30U) - 1) >> 30U;
  return Error(Code::kOutOfRange, "a disk of " + std::to_string(config.disk_gb) +
                                      " GB is too small for image " + image.ref.str())
      .hint("use -disk-size " + std::to_string(least) + " or more");
}

Result<void> check_new(const VmConfig& wanted, const CachedImage& image) {
  if (wanted.arch != image.manifest.arch) {
    return Error(Code::kFailedPrecondition, "image " + image.manifest.ref.str() + " is for " +
                                                std::string(to_string(image.manifest.arch)) +
                                                ", the VM for " + std::string(to_string(wanted.arch)));
  }
  return check_disk_size(wanted, image.manifest);
}

// What the first attempt settled stays, so that a second one does not make another machine of it.
void keep_identity(VmConfig& config, const VmConfig& before) {
  config.mac = before.mac;
  config.machine_id = before.machine_id;
  config.root_disk = before.root_disk;
  config.created_at = before.created_at;
  if (config.machine_type.empty()) config.machine_type = before.machine_type;
}

Result<void> change_forwards(VmConfig& config, const VmChange& change) {
  for (const auto port : change.no_forwards) {
    if (!take_forwards(config.forwards, port).empty()) continue;
    return Error(Code::kNotFound, "no forward on host port " + std::to_string(port));
  }
  if (!change.forwards.empty() && config.network == NetworkMode::kNone) {
    return Error(Code::kFailedPrecondition, "this vm has no network to forward to");
  }
  for (const auto& forward : change.forwards) put_forward(config.forwards, forward);
  return {};
}

}  // namespace

Result<void> VmMaker::step(std::string_view name) {
  log_debug("making or changing a vm", {{"step", std::string(name)}});
  if (gate_) return gate_(name);
  return {};
}

Result<VmDirectory> VmMaker::create(const VmName& name, VmConfig wanted, const CachedImage& image) {
  COVE_TRY(check_new(wanted, image));
  COVE_TRY(step("name"));
  auto directory = COVE_TRY(registry_.create(name));
  auto built = build(directory, std::move(wanted), image);
  if (!built.ok()) {
    // The error is what matters; if the removal fails too, the VM shows as "creating" and can be deleted.
    static_cast<void>(remove(name));
    return std::move(built).context("creating vm \"" + name.str() + "\"").error();
  }
  return directory;
}

Result<VmDirectory> VmMaker::finish(const VmName& name, VmConfig wanted, const CachedImage& image) {
  COVE_TRY(check_new(wanted, image));
  auto directory = COVE_TRY(registry_.open(name));
  COVE_TRY(build(directory, std::move(wanted), image).context("finishing vm \"" + name.str() + "\""));
  return directory;
}

Result<void> VmMaker::build(const VmDirectory& directory, VmConfig wanted, const CachedImage& image) {
  const FileLock lock = COVE_TRY(directory.lock("create"));
  if (!COVE_TRY(directory.creating_phase())) return {};  // somebody else finished it before we had the lock
  wanted.image = image.manifest.ref.str();
  wanted.image_digest = image.manifest.digest;
  if (const auto before = directory.load_config(); before.ok()) {
    keep_identity(wanted, *before);
  } else {
    wanted.mac = random_mac();
    wanted.machine_id = new_object_id();
    wanted.root_disk = new_object_id();
    wanted.created_at = format_rfc3339(std::chrono::system_clock::now());
  }
  COVE_TRY(step("mark configuration"));
  COVE_TRY(directory.set_creating("writing its configuration"));
  // The configuration names the disk before the disk exists: a sweep never takes it for garbage.
  COVE_TRY(step("configuration"));
  COVE_TRY(directory.save_config(wanted));
  COVE_TRY(step("mark disk"));
  COVE_TRY(directory.set_creating("making its disk"));
  COVE_TRY(step("disk"));
  COVE_TRY(make_disk(directory, wanted, image));
  COVE_TRY(step("done"));
  return directory.clear_creating();
}

Result<void> VmMaker::make_disk(const VmDirectory& directory, const VmConfig& config,
                                const CachedImage& image) {
  const DiskNodes nodes(directory.home().root());
  const auto path = COVE_TRY(nodes.path_of(config.root_disk));
  // A disk of an earlier attempt holds nothing yet: no VM has run from it.
  COVE_TRY(remove_tree(path));
  COVE_TRY(make_directories(path.parent_path(), 0700));
  const auto base = COVE_TRY(image.open_disk());
  COVE_TRY(base.overlay_at(path, config.disk_bytes()));
  return {};
}

Result<VmConfig> VmMaker::change(const VmName& name, const VmChange& change) {
  const auto directory = COVE_TRY(registry_.open(name));
  const FileLock lock = COVE_TRY(directory.lock("set"));
  if (COVE_TRY(directory.creating_phase())) {
    return Error(Code::kFailedPrecondition, "vm \"" + name.str() + "\" is not finished yet")
        .hint("finish it: cove up " + name.str());
  }
  auto config = COVE_TRY(directory.load_config());
  const auto before = config.disk_gb;
  config.cpus = change.cpus.value_or(config.cpus);
  config.memory_gb = change.memory_gb.value_or(config.memory_gb);
  config.disk_gb = change.disk_gb.value_or(config.disk_gb);
  config.machine_type = change.machine_type.value_or(config.machine_type);
  COVE_TRY(change_forwards(config, change));
  COVE_TRY(config.validate());
  if (config.disk_gb < before) {
    return Error(Code::kOutOfRange, "a disk cannot shrink: it has " + std::to_string(before) + " GB")
        .hint("copy what you need into a new VM with a smaller disk");
  }
  if (config.disk_gb > before) {
    // The disk first: after a crash it is larger than promised, never smaller.
    COVE_TRY(step("grow disk"));
    auto disk = COVE_TRY(DiskNodes(directory.home().root()).open(config.root_disk));
    if (COVE_TRY(disk.info()).virtual_bytes < config.disk_bytes()) COVE_TRY(disk.grow(config.disk_bytes()));
  }
  COVE_TRY(step("save configuration"));
  COVE_TRY(directory.save_config(config));
  return config;
}

Result<SweepReport> VmMaker::remove(const VmName& name) {
  COVE_TRY(step("remove"));
  COVE_TRY(registry_.remove(name));
  return sweep_store(registry_.home());
}

}  // namespace cove
