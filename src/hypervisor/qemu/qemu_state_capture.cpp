#include "hypervisor/qemu/qemu_state_capture.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <utility>

#include "base/check.h"
#include "base/io.h"

namespace cove {
namespace {

constexpr std::size_t kMaxDeviceBytes = std::size_t{64} << 20U;
constexpr std::uint64_t kMaxVideoBytes = std::uint64_t{256} << 20U;
constexpr std::int64_t kVgaClass = 0x300;
constexpr auto kLoadTimeout = std::chrono::seconds(30);

Result<UniqueFd> make_memory_file(const char* name) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) return Error::from_errno(errno, "memfd_create");
  return fd;
}

// The base address and size of the display's frame buffer, from QMP's list of PCI devices; nothing if there
// is no VGA or its firmware has not placed it yet.
std::optional<MemoryRange> frame_buffer(const Json& buses) {
  for (const auto& bus : buses.items()) {
    for (const auto& device : bus.get("devices").items()) {
      if (device.get("class_info").get("class").as_int() != kVgaClass) continue;
      for (const auto& region : device.get("regions").items()) {
        const auto address = region.get("address").as_int(-1);
        const auto bytes = region.get("size").as_uint();
        if (region.get("bar").as_int() != 0 || address <= 0 || bytes > kMaxVideoBytes) continue;
        return MemoryRange{static_cast<std::uint64_t>(address), bytes};
      }
    }
  }
  return std::nullopt;
}

// "Host virtual address for 0xfd000000 (vga.vram) is 0x7f69e4a00000"
std::optional<std::uint64_t> host_address(const std::string& answer) {
  constexpr std::string_view kBefore = " is 0x";
  const auto at = answer.rfind(kBefore);
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t address = 0;
  const char* const begin = answer.data() + at + kBefore.size();
  const auto [end, error] = std::from_chars(begin, answer.data() + answer.size(), address, 16);
  if (error != std::errc() || end == begin) return std::nullopt;
  return address;
}

std::string hex_text(std::uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

}  // namespace

// --- the engine's life ---

Result<void> QemuStateCapture::prepare() {
  incoming_ = COVE_TRY(make_memory_file("cove-incoming"));
  return {};
}

Result<void> QemuStateCapture::engine_started(QmpClient& qmp, pid_t pid, RamBacking& ram,
                                              std::uint64_t memory_bytes, GuestMemory::Mapping mapping) {
  auto file = COVE_TRY(duplicate(ram.fd()));
  auto memory = std::make_shared<QemuMemory>(pid, std::move(file), memory_bytes, mapping);
  engine_.emplace(Engine{qmp, pid, ram, std::move(memory)});
  return {};
}

void QemuStateCapture::engine_gone(const Error& why) {
  loaded(why);
  engine_ends_ = {};
  engine_.reset();
}

void QemuStateCapture::stand_still() {
  if (!engine_ || std::exchange(stands_still_, true)) return;
  ::kill(engine_->pid, SIGSTOP);
  // The signal only asks: its threads may run for moments after the call, and one may write to a socket that
  // we are about to make room in.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(engine_->pid), &info, WSTOPPED | WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
}

void QemuStateCapture::go_on() {
  if (!engine_ || !std::exchange(stands_still_, false)) return;
  ::kill(engine_->pid, SIGCONT);
}

std::shared_ptr<GuestMemory> QemuStateCapture::memory() {
  COVE_CHECK(engine_.has_value());
  return engine_->memory;
}

Result<void> QemuStateCapture::give_memory_away(const std::filesystem::path& name) {
  if (!engine_) return Error(Code::kFailedPrecondition, "the machine has no memory now");
  return engine_->ram.give_away(name.string());
}

std::optional<Error> QemuStateCapture::not_paused(const char* what) const {
  if (engine_ && !stands_still_ && state_() == MachineState::kPaused) return std::nullopt;
  return Error(Code::kFailedPrecondition,
               std::string("cannot ") + what + ": the VM is " + std::string(to_string(state_())));
}

// --- saving ---

void QemuStateCapture::save_devices(Disks disks, Done<DeviceState> done) {
  auto file = make_memory_file("cove-devices");
  auto refused = not_paused("save the devices");
  if (!refused && !file.ok()) refused = file.error();
  if (refused) return loop_.post([done = std::move(done), error = *refused] { done(error); });
  const auto fd = std::make_shared<UniqueFd>(std::move(*file));
  // QEMU's working directory and name space are ours, so it may open what is ours.
  const std::string name = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd->get());
  engine_->qmp.execute("xen-save-devices-state",
                       Json::object({{"filename", name}, {"live", disks == Disks::kLetGo}}),
                       [this, fd, done = std::move(done)](Result<Json> saved) mutable {
                         if (!saved.ok()) return done(std::move(saved).error().context("saving the devices"));
                         auto blob = read_to_end({}, fd->get(), kMaxDeviceBytes);
                         if (!blob.ok()) return done(std::move(blob).error().context("saving the devices"));
                         save_video(std::move(blob).value(), std::move(done));
                       });
}

void QemuStateCapture::save_video(std::string blob, Done<DeviceState> done) {
  find_video([this, blob = std::move(blob), done = std::move(done)](Result<MemoryRange> range) mutable {
    if (!range.ok()) return done(std::move(range).error());
    auto video = read_video(*range);
    if (!video.ok()) return done(std::move(video).error().context("saving the screen"));
    done(DeviceState{.blob = std::move(blob), .video = std::move(video).value()});
  });
}

// One more round trip than the one that stopped the CPUs: its main loop has been at the sockets in between.
void QemuStateCapture::settle(Done<void> done) {
  if (const auto refused = not_paused("settle"))
    return loop_.post([done = std::move(done), error = *refused] { done(error); });
  engine_->qmp.execute("query-name", {}, [done = std::move(done)](Result<Json> answer) {
    if (!answer.ok()) return done(std::move(answer).error());
    done({});
  });
}

void QemuStateCapture::find_video(Done<MemoryRange> done) {
  engine_->qmp.execute("query-pci", {}, [this, done = std::move(done)](Result<Json> buses) mutable {
    if (!buses.ok()) return done(std::move(buses).error());
    const auto guest = frame_buffer(*buses);
    if (!guest) return done(MemoryRange{});
    const std::string line = "gpa2hva " + hex_text(guest->start);
    engine_->qmp.execute("human-monitor-command", Json::object({{"command-line", line}}),
                         [done = std::move(done), bytes = guest->bytes](Result<Json> answer) {
                           if (!answer.ok()) return done(std::move(answer).error());
                           const auto address = host_address(answer->as_string());
                           // Not in memory just now: its bridge or the device itself is switched off.
                           done(address ? MemoryRange{*address, bytes} : MemoryRange{});
                         });
  });
}

Result<std::vector<DeviceState::VideoPages>> QemuStateCapture::read_video(const MemoryRange& range) const {
  std::vector<DeviceState::VideoPages> video;
  if (range.bytes == 0) return video;
  const auto* process = COVE_TRY(engine_->memory->process());
  for (const auto& run : COVE_TRY(process->private_pages(range))) {
    DeviceState::VideoPages pages{run.first, std::string(run.count * kGuestPageBytes, '\0')};
    COVE_TRY(process->read(range.start + run.first * kGuestPageBytes, pages.bytes));
    if (pages.bytes.find_first_not_of('\0') != std::string::npos) video.push_back(std::move(pages));
  }
  return video;
}

// --- loading ---

void QemuStateCapture::load_devices(DeviceState state, Done<void> done) {
  COVE_CHECK(!loading_);
  auto written = write_all({}, incoming_.get(), state.blob);
  if (written.ok() && ::lseek(incoming_.get(), 0, SEEK_SET) != 0) written = Error::from_errno(errno, "seek");
  auto refused = not_paused("load the devices");
  if (!refused && !written.ok()) refused = std::move(written).error();
  if (refused) return loop_.post([done = std::move(done), error = *refused] { done(error); });
  loading_.emplace(Loading{std::move(state.video), std::move(done)});
  engine_->qmp.execute(
      "migrate-incoming", Json::object({{"uri", "fd:" + std::to_string(kIncomingFd)}}),
      [this](Result<Json> begun) {
        if (!begun.ok()) loaded(std::move(begun).error());
      },
      kLoadTimeout);
}

void QemuStateCapture::on_event(const QmpEvent& event) {
  if (event.name != "MIGRATION" || !loading_) return;
  const auto& status = event.data.get("status").as_string();
  if (status == "failed") return loaded(Error(Code::kDataLoss, "QEMU did not take the saved devices"));
  if (status != "completed") return;
  auto video = std::move(loading_->video);
  write_video(std::move(video), [this](Result<void> result) { loaded(std::move(result)); });
}

void QemuStateCapture::write_video(std::vector<DeviceState::VideoPages> video, Done<void> done) {
  if (video.empty()) return done({});
  find_video([this, video = std::move(video), done = std::move(done)](Result<MemoryRange> range) {
    if (!range.ok()) return done(std::move(range).error());
    const auto process = engine_->memory->process();
    if (!process.ok()) return done(process.error());
    for (const auto& pages : video) {
      if (pages.first * kGuestPageBytes + pages.bytes.size() > range->bytes)
        return done(Error(Code::kDataLoss, "the saved screen is larger than the video memory"));
      auto written = (*process)->write(range->start + pages.first * kGuestPageBytes, pages.bytes);
      if (!written.ok()) return done(std::move(written).context("restoring the screen"));
    }
    done({});
  });
}

void QemuStateCapture::loaded(Result<void> result) {
  if (!loading_) return;
  auto done = std::exchange(loading_, std::nullopt)->done;
  done(std::move(result));
}

// --- disks ---

void QemuStateCapture::switch_disk(const std::string& device, const std::filesystem::path& overlay,
                                   Done<void> done) {
  if (const auto refused = not_paused("switch a disk"))
    return loop_.post([done = std::move(done), error = *refused] { done(error); });
  const auto known = disk_nodes_.find(device);
  const std::string now = known == disk_nodes_.end() ? device + "-disk" : known->second;
  const std::string next = device + "-disk-" + std::to_string(++switches_);
  const Json node = Json::object(
      {{"driver", "qcow2"},
       {"node-name", next},
       {"file", Json::object({{"driver", "file"}, {"filename", overlay.string()}, {"discard", "unmap"}})},
       {"backing", Json()},
       {"discard", "unmap"},
       {"detect-zeroes", "unmap"}});
  engine_->qmp.execute(
      "blockdev-add", node, [this, device, now, next, done = std::move(done)](Result<Json> added) {
        if (!added.ok()) return done(std::move(added).error().context("switching disk " + device));
        engine_->qmp.execute("blockdev-snapshot", Json::object({{"node", now}, {"overlay", next}}),
                             [this, device, next, done](Result<Json> switched) {
                               if (switched.ok()) {
                                 disk_nodes_[device] = next;
                                 return done({});
                               }
                               engine_->qmp.execute("blockdev-del", Json::object({{"node-name", next}}),
                                                    [](const Result<Json>&) {});
                               done(std::move(switched).error().context("switching disk " + device));
                             });
      });
}

}  // namespace cove
