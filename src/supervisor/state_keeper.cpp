#include "supervisor/state_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/ask.h"
#include "model/object_id.h"
#include "state/memory_layers.h"
#include "supervisor/device_files.h"

namespace cove {
namespace {

constexpr std::string_view kRootDevice = "root";
// What a state takes besides memory, and what is to be left on the file system for the guest itself.
constexpr std::uint64_t kSpareBytes = std::uint64_t{32} << 20U;
constexpr std::size_t kPagesAtOnce = 256;

std::uint64_t allocated(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_blocks) * 512 : 0;
}

Result<void> check_room(const std::filesystem::path& folder, std::uint64_t bytes) {
  const auto left = COVE_TRY(free_space(folder));
  if (left >= bytes + kSpareBytes) return {};
  return Error(Code::kResourceExhausted, "no room for the state: it needs about " +
                                             format_bytes(bytes + kSpareBytes) + ", " + folder.string() +
                                             " has " + format_bytes(left) + " left")
      .hint("delete snapshots that are not needed (cove snapshot list), or make room on that file system");
}

// Whether a state's pages are a large part of the layer they are over.
bool outgrown(const PageIndex& index, std::uint64_t layer_bytes) {
  constexpr std::uint64_t kAlwaysFine = std::uint64_t{96} << 20U;
  constexpr std::uint64_t kNeverFine = std::uint64_t{512} << 20U;
  constexpr std::uint64_t kShare = 4;
  return index.pages.size() * kPageBytes > std::clamp(layer_bytes / kShare, kAlwaysFine, kNeverFine);
}

}  // namespace

// What a state that is being saved will consist of.
struct StateKeeper::Draft {
  std::string state = new_object_id();
  std::string page_layer = new_object_id();
  std::string new_base = new_object_id();  // the memory's name, if this state freezes it
  std::string overlay = new_object_id();
  std::string node{};  // the disk that becomes the state's
  std::optional<PageLayerWriter> pages{};
  std::uint64_t changed_bytes = 0;
  bool root_named = false;  // config.json names the overlay
  DiskQuiet quiet = DiskQuiet::kCrashConsistent;
};

StateKeeper::StateKeeper(Parts parts)
    : parts_(std::move(parts)),
      busy_(false),
      tidier_(
          {.holdings = parts_.holdings, .take_turn = [this] { return take_turn(); }, .step = parts_.step}) {}

// Held until the last copy goes.
Result<std::shared_ptr<void>> StateKeeper::take_turn() {
  constexpr auto kOthersTurn = std::chrono::minutes(10);
  const OpContext ctx{{}, Deadline::after(kOthersTurn)};
  COVE_TRY(busy_
               .wait(
                   ctx, [](const bool& busy) { return !busy; }, [](bool& busy) { busy = true; })
               .context("another state of this vm is being saved"));
  return std::shared_ptr<void>(static_cast<void*>(&busy_),
                               [this](void*) { busy_.with([](bool& busy) { busy = false; }); });
}

Result<SavedState> StateKeeper::save(const SaveRequest& request, Progress& progress) {
  tidier_.give_way();
  const auto turn = COVE_TRY(take_turn());
  auto saved = save_in_turn(request, progress);
  if (saved.ok() && request.kind != SaveRequest::Kind::kSuspend) tidier_.soon();
  return saved;
}

Result<SavedState> StateKeeper::save_in_turn(const SaveRequest& request, Progress& progress) {
  Draft draft;
  COVE_TRY(prepare(request, draft));
  progress.step("saving the state");
  auto captured = capture(request, draft);
  if (request.was_quiet) draft.quiet = request.was_quiet();
  if (!captured.ok()) {
    undo(request, draft);
    return std::move(captured).error();
  }
  parts_.step("captured");
  auto stored = [&]() -> Result<SavedState> {
    COVE_TRY(keep_base(request, *captured, draft));
    const auto state = COVE_TRY(write_state(request, draft, *captured, progress));
    COVE_TRY(commit(request, draft, state));
    return SavedState{state.id, captured->stood_still, draft.changed_bytes};
  }();
  if (request.kind == SaveRequest::Kind::kSuspend) {
    suspended_ = stored.ok();
    const auto ended =
        parts_.capture.end_hold(stored.ok() ? MachineCapture::Then::kGone : MachineCapture::Then::kGoesOn);
    if (!ended.ok()) log_error("ending the save failed", {{"reason", ended.error().message()}});
  }
  if (!stored.ok()) parts_.holdings.settle();
  return stored;
}

// --- before the guest stands still ---

Result<void> StateKeeper::prepare(const SaveRequest& request, Draft& draft) {
  VmHoldings& holdings = parts_.holdings;
  const auto tree = COVE_TRY(holdings.directory().load_snapshots());
  if (!request.name.empty() && tree.find(request.name) != nullptr) {
    const auto& vm = holdings.directory().name().str();
    return Error(Code::kAlreadyExists, "vm \"" + vm + "\" has a snapshot named \"" + request.name + "\"")
        .hint("choose another name, or delete that one: cove snapshot delete " + request.name + " -vm " + vm);
  }
  COVE_TRY(check_room(holdings.directory().home().root(), 0));
  draft.node = holdings.root_disk();
  COVE_TRY(holdings.speak_for({draft.state, draft.page_layer, draft.new_base, draft.overlay, draft.node}));
  if (request.kind != SaveRequest::Kind::kSuspend) COVE_TRY(holdings.speak_for_chain(draft.node));
  parts_.step("spoken for");
  if (request.kind == SaveRequest::Kind::kSuspend) return {};
  // An empty overlay reads like what is below it: whatever happens from here on, the disk is right.
  COVE_TRY(holdings.make_overlay(draft.node, draft.overlay, 0));
  parts_.step("overlay made");
  COVE_TRY(name_root_disk(draft.overlay));
  draft.root_named = true;
  parts_.step("overlay named");
  return {};
}

// On the loop, where others change the configuration.
Result<void> StateKeeper::name_root_disk(const std::string& node) {
  const OpContext ctx{{}, Deadline::after(std::chrono::seconds(30))};
  return ask<void>(ctx, parts_.loop, [directory = parts_.holdings.directory(), node](const Done<void>& done) {
    done([&]() -> Result<void> {
      auto config = COVE_TRY(directory.load_config());
      config.root_disk = node;
      return directory.save_config(config);
    }());
  });
}

void StateKeeper::undo(const SaveRequest& request, const Draft& draft) {
  const auto undone = [&]() -> Result<void> {
    if (draft.root_named) COVE_TRY(name_root_disk(draft.node));
    if (request.kind != SaveRequest::Kind::kSuspend)
      COVE_TRY(remove_tree(COVE_TRY(parts_.holdings.disk_path(draft.overlay))));
    parts_.holdings.settle();
    return {};
  }();
  if (!undone.ok()) log_warn("tidying up failed", {{"reason", undone.error().message()}});
}

// --- while it stands still ---

Result<Captured> StateKeeper::capture(const SaveRequest& request, Draft& draft) {
  const auto take = [this, &draft](GuestMemory& memory) { return take_pages(memory, draft); };
  if (request.kind == SaveRequest::Kind::kSuspend) return parts_.capture.take_and_hold(take);
  const MachineCapture::Onward onward{.device = std::string(kRootDevice),
                                      .overlay = COVE_TRY(parts_.holdings.disk_path(draft.overlay)),
                                      .frozen_memory = hot_layer_path(draft.new_base)};
  if (request.kind == SaveRequest::Kind::kDisk) return parts_.capture.take_disks(onward);
  return parts_.capture.take(onward, take);
}

Result<void> StateKeeper::take_pages(GuestMemory& memory, Draft& draft) {
  const auto& store = parts_.holdings.store();
  draft.pages.emplace(COVE_TRY(PageLayerWriter::create({.layer = store.page_layer(draft.page_layer),
                                                        .layer_id = draft.page_layer,
                                                        .memory_bytes = memory.bytes(),
                                                        .before = parts_.holdings.last_index(),
                                                        .full_layer = parts_.holdings.newer_layer()})));
  std::string buffer;
  for (const auto& run : COVE_TRY(memory.changed_pages())) {
    for (std::uint32_t at = 0; at < run.count;) {
      const auto count = std::min<std::uint32_t>(run.count - at, kPagesAtOnce);
      buffer.resize(count * kGuestPageBytes);
      COVE_TRY(memory.read({run.first + at, count}, buffer));
      COVE_TRY(draft.pages->add(run.first + at, buffer));
      at += count;
    }
    draft.changed_bytes += run.count * kGuestPageBytes;
  }
  return {};
}

// --- afterwards ---

// The guest has another disk now, and a memory that was frozen is its base.
Result<void> StateKeeper::keep_base(const SaveRequest& request, Captured& captured, const Draft& draft) {
  VmHoldings& holdings = parts_.holdings;
  if (draft.root_named) {
    holdings.set_root_disk(draft.overlay);
    const auto path = COVE_TRY(holdings.disk_path(draft.overlay));
    const OpContext ctx{{}, Deadline::after(std::chrono::seconds(30))};
    COVE_TRY(ask<void>(ctx, parts_.loop, [&power = parts_.power, path](const Done<void>& done) {
      power.set_disk(std::string(kRootDevice), path.string());
      done({});
    }));
  }
  const bool frozen =
      captured.mapping == GuestMemory::Mapping::kShared && request.kind != SaveRequest::Kind::kDisk;
  if (!frozen) return {};
  return holdings.set_base(draft.new_base, std::move(captured.memory));
}

Result<StateManifest> StateKeeper::describe(const SaveRequest& request, const Draft& draft) const {
  const VmDirectory& directory = parts_.holdings.directory();
  const auto config = COVE_TRY(directory.load_config());
  Json facts = Json::array();
  for (const auto& name : parts_.facts_met()) facts.push_back(name);
  return StateManifest{.id = draft.state,
                       .kind = request.kind == SaveRequest::Kind::kDisk ? StateKind::kDisk : StateKind::kFull,
                       .vm = directory.name().str(),
                       .created_at = format_rfc3339(std::chrono::system_clock::now()),
                       .cove = parts_.cove_version,
                       .engine = parts_.engine,
                       .quiet = draft.quiet,
                       .disks = {{std::string(kRootDevice), draft.node}},
                       .guest = Json::object({{"config", config.to_json()}, {"facts", facts}})};
}

Result<PageIndex> StateKeeper::write_memory(const SaveRequest& request, Draft& draft,
                                            const Captured& captured, Progress& progress) {
  const VmHoldings& holdings = parts_.holdings;
  if (request.kind != SaveRequest::Kind::kForkBase) {
    if (!path_exists(holdings.store().full_layer(holdings.base()->id)))
      COVE_TRY(check_room(holdings.directory().home().root(), allocated(holdings.base()->file.get())));
    progress.step("writing the memory");
    COVE_TRY(holdings.make_base_durable(progress));
    parts_.step("base durable");
  }
  PageIndex index{.memory_bytes = captured.spec.memory_bytes};
  if (draft.pages) index = COVE_TRY(draft.pages->finish());
  parts_.step("pages durable");
  const bool lasting = request.kind != SaveRequest::Kind::kForkBase;
  if (lasting && outgrown(index, allocated(holdings.layer().file.get())))
    COVE_TRY(merge_memory(draft, index, progress));
  return index;
}

// Going on from a state costs a millisecond for each MiB of its pages: when they are many, they become part
// of a new full layer, which is mapped.
Result<void> StateKeeper::merge_memory(const Draft& draft, PageIndex& index, Progress& progress) {
  VmHoldings& holdings = parts_.holdings;
  const auto& store = holdings.store();
  COVE_TRY(check_room(holdings.directory().home().root(),
                      allocated(holdings.layer().file.get()) + index.pages.size() * kPageBytes));
  progress.step("putting the memory together");
  const auto open = [&store](const std::string& layer) {
    return open_file(store.page_layer(layer), O_RDONLY);
  };
  COVE_TRY(write_merged_layer({}, holdings.layer().file.get(), index, open, store.full_layer(draft.new_base),
                              progress));
  parts_.step("memory merged");
  holdings.set_layer(draft.new_base, COVE_TRY(open_file(store.full_layer(draft.new_base), O_RDWR)));
  index = PageIndex{.memory_bytes = index.memory_bytes};
  return {};
}

Result<StateManifest> StateKeeper::write_state(const SaveRequest& request, Draft& draft,
                                               const Captured& captured, Progress& progress) {
  VmHoldings& holdings = parts_.holdings;
  auto state = COVE_TRY(describe(request, draft));
  auto files = COVE_TRY(holdings.store().begin(draft.state));
  if (!captured.nvram.empty()) COVE_TRY(files.add_file(kNvramFile, captured.nvram));
  std::optional<PageIndex> index;
  if (state.kind == StateKind::kFull) {
    index = COVE_TRY(write_memory(request, draft, captured, progress));
    state.machine = captured.spec;
    state.memory = StateMemory{holdings.layer().id, captured.spec.memory_bytes};
    COVE_TRY(files.add_file(kDeviceStateFile, captured.devices.blob));
    COVE_TRY(files.add_file(kVideoFile, encode_video(captured.devices.video)));
    COVE_TRY(files.add_file(kPageIndexFile, encode_page_index(*index)));
  }
  parts_.step("files written");
  state = COVE_TRY(files.commit(std::move(state)));
  parts_.step("state written");
  if (index) holdings.set_last(state.id, std::move(*index));
  return state;
}

Result<void> StateKeeper::commit(const SaveRequest& request, const Draft& draft, const StateManifest& state) {
  VmHoldings& holdings = parts_.holdings;
  if (request.kind == SaveRequest::Kind::kSuspend) return commit_suspend(draft, state);
  if (request.kind == SaveRequest::Kind::kForkBase) {
    holdings.keep_for_forks(state.id);
    holdings.settle();
    return {};
  }
  auto tree = COVE_TRY(holdings.directory().load_snapshots());
  COVE_TRY(tree.add({.name = request.name,
                     .state = state.id,
                     .kind = state.kind == StateKind::kDisk ? SnapshotKind::kDisk : SnapshotKind::kFull,
                     .created_at = state.created_at,
                     .description = request.description}));
  COVE_TRY(holdings.directory().save_snapshots(tree));
  parts_.step("snapshot named");
  holdings.settle();
  return {};
}

// Its disk is the state's from now on: nobody writes there again, also if the VM boots cold some day.
Result<void> StateKeeper::commit_suspend(const Draft& draft, const StateManifest& state) {
  VmHoldings& holdings = parts_.holdings;
  COVE_TRY(holdings.make_overlay(draft.node, draft.overlay, 0));
  parts_.step("overlay made");
  COVE_TRY(name_root_disk(draft.overlay));
  parts_.step("overlay named");
  auto suspended = holdings.directory().save_suspend(
      {.state = state.id, .origin = SuspendRecord::Origin::kSuspend, .suspended_at = state.created_at});
  if (!suspended.ok()) {
    // The guest goes on where it was. If that cannot be said, the empty layer above it reads the same.
    if (const auto back = name_root_disk(draft.node); !back.ok())
      log_warn("config.json names an empty layer over the disk", {{"reason", back.error().message()}});
    return suspended;
  }
  parts_.step("suspended");
  return {};
}

Result<void> StateKeeper::remove_snapshot(const std::string& name) {
  tidier_.give_way();
  const auto turn = COVE_TRY(take_turn());
  VmHoldings& holdings = parts_.holdings;
  auto tree = COVE_TRY(holdings.directory().load_snapshots());
  const Snapshot* snapshot = tree.find(name);
  const std::string state = snapshot == nullptr ? std::string() : snapshot->state;
  COVE_TRY(tree.remove(name));
  COVE_TRY(holdings.directory().save_snapshots(tree));
  parts_.step("snapshot unnamed");
  holdings.forget_last(state);
  holdings.settle();
  tidier_.soon();
  return {};
}

}  // namespace cove
