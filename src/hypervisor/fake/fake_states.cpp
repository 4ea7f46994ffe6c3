#include "hypervisor/fake/fake_states.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove {
namespace {

constexpr std::string_view kBlobHead = "fake devices ";
constexpr std::size_t kSerialBytes = 8;

struct Blob {
  std::string serial;
  FakeTerminal terminal;
};

std::string make_blob(const std::string& serial, const FakeTerminal& terminal) {
  return std::string(kBlobHead) + serial + ' ' + hex_encode(terminal.typed) + ' ' +
         hex_encode(terminal.unprinted) + '\n';
}

std::optional<Blob> parse_blob(std::string_view text) {
  if (!text.starts_with(kBlobHead) || !text.ends_with('\n')) return std::nullopt;
  text.remove_prefix(kBlobHead.size());
  text.remove_suffix(1);
  const auto fields = split(text, ' ');
  if (fields.size() != 3 || fields[0].size() != 2 * kSerialBytes) return std::nullopt;
  auto typed = hex_decode(fields[1]);
  auto unprinted = hex_decode(fields[2]);
  if (!typed || !unprinted) return std::nullopt;
  return Blob{std::string(fields[0]), {std::move(*typed), std::move(*unprinted)}};
}

}  // namespace

// --- memory ---

Result<std::shared_ptr<FakeMemory>> FakeMemory::create(UniqueFd origin, std::uint64_t bytes,
                                                       std::filesystem::path name) {
  const auto mapping = origin ? Mapping::kPrivate : Mapping::kShared;
  if (origin) {
    name.clear();
  } else {
    if (name.empty()) origin.reset(::memfd_create("cove-fake-ram", MFD_CLOEXEC));
    if (!name.empty()) {
      ::unlink(name.c_str());  // the remains of a crash
      origin = COVE_TRY(open_file(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    }
    if (!origin || ::ftruncate(origin.get(), static_cast<off_t>(bytes)) != 0)
      return Error::from_errno(errno, "making the fake memory");
  }
  struct stat info {};
  if (::fstat(origin.get(), &info) != 0) return Error::from_errno(errno, "looking at the fake memory");
  if (static_cast<std::uint64_t>(info.st_size) != bytes)
    return Error(Code::kDataLoss, "the frozen memory does not have the machine's size");
  std::shared_ptr<FakeMemory> memory(new FakeMemory(std::move(origin), bytes, mapping));
  memory->name_ = std::move(name);
  return memory;
}

FakeMemory::~FakeMemory() { drop_name(); }

void FakeMemory::drop_name() {
  if (!name_.empty()) ::unlink(name_.c_str());
  name_.clear();
}

Result<void> FakeMemory::give_away(const std::filesystem::path& name) {
  if (name_.empty()) return Error(Code::kUnimplemented, "the fake's memory has no name");
  if (::rename(name_.c_str(), name.c_str()) != 0) return Error::from_errno(errno, name.string());
  name_.clear();
  return {};
}

Result<std::vector<PageRun>> FakeMemory::changed_pages() const {
  COVE_CHECK(mapping_ == Mapping::kPrivate);
  std::vector<PageRun> runs;
  for (const auto& [page, bytes] : own_) {
    if (!runs.empty() && runs.back().first + runs.back().count == page) {
      ++runs.back().count;
    } else {
      runs.push_back({page, 1});
    }
  }
  return runs;
}

Result<void> FakeMemory::read(PageRun run, std::span<char> buffer) const {
  COVE_CHECK(buffer.size() == run.count * kGuestPageBytes &&
             (std::uint64_t{run.first} + run.count) * kGuestPageBytes <= bytes_);
  const auto got =
      ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(run.first * kGuestPageBytes));
  if (got != static_cast<ssize_t>(buffer.size())) return Error::from_errno(errno, "reading the fake memory");
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const auto own = own_.find(run.first + i);
    if (own != own_.end()) own->second.copy(buffer.data() + i * kGuestPageBytes, kGuestPageBytes);
  }
  return {};
}

Result<void> FakeMemory::write(std::uint32_t first, std::string_view bytes) {
  COVE_CHECK(bytes.size() % kGuestPageBytes == 0 && first * kGuestPageBytes + bytes.size() <= bytes_);
  if (mapping_ == Mapping::kShared) {
    const auto put =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(first * kGuestPageBytes));
    if (put != static_cast<ssize_t>(bytes.size())) return Error::from_errno(errno, "writing the fake memory");
    return {};
  }
  for (; !bytes.empty(); bytes.remove_prefix(kGuestPageBytes))
    own_[first++] = bytes.substr(0, kGuestPageBytes);
  return {};
}

// --- devices and disk ---

FakeStates::FakeStates(Host host, const MachineSpec& spec, SocketEnds engine_ends)
    : host_(std::move(host)), engine_ends_(std::move(engine_ends)), memory_name_(spec.ram_path) {
  if (const auto* disk = spec.find(DeviceKind::kDisk)) {
    disk_device_ = disk->id;
    disk_ = disk->path;
  }
}

Result<void> FakeStates::begin(UniqueFd origin, std::uint64_t bytes) {
  if (!origin) serial_ = hex_encode(random_bytes(kSerialBytes));
  memory_ = COVE_TRY(FakeMemory::create(std::move(origin), bytes, memory_name_));
  return {};
}

std::shared_ptr<GuestMemory> FakeStates::memory() {
  COVE_CHECK(memory_ != nullptr);
  return memory_;
}

Result<void> FakeStates::give_memory_away(const std::filesystem::path& name) {
  return memory_->give_away(name);
}

// Whoever has its memory still may read it; the name is free for the next machine.
void FakeStates::engine_gone() {
  engine_ends_ = {};
  if (memory_ != nullptr) memory_->drop_name();
}

Result<void> FakeStates::allowed(const char* call) const {
  if (host_.fails(call))
    return Error(Code::kUnavailable, std::string("fake: ") + call + " fails as it was told to");
  if (memory_ != nullptr && !stands_still_ && host_.state() == MachineState::kPaused) return {};
  return Error(Code::kFailedPrecondition,
               std::string("cannot do ") + call + ": the VM is " + std::string(to_string(host_.state())));
}

void FakeStates::save_devices(Disks /*disks*/, Done<DeviceState> done) {
  auto result = allowed("save_devices");
  host_.loop.post(
      [done = std::move(done), result = std::move(result), blob = make_blob(serial_, host_.save_terminal())] {
        if (!result.ok()) return done(result.error());
        done(DeviceState{.blob = blob, .video = {}});
      });
}

void FakeStates::settle(Done<void> done) {
  auto result = allowed("settle");
  host_.loop.post([done = std::move(done), result = std::move(result)] { done(result); });
}

void FakeStates::load_devices(DeviceState state, Done<void> done) {
  auto result = allowed("load_devices");
  auto blob = parse_blob(state.blob);
  if (result.ok() && !blob) result = Error(Code::kDataLoss, "these are no fake devices");
  if (result.ok()) {
    serial_ = std::move(blob->serial);
    host_.load_terminal(std::move(blob->terminal));
  }
  host_.loop.post([done = std::move(done), result = std::move(result)] { done(result); });
}

void FakeStates::switch_disk(const std::string& device, const std::filesystem::path& overlay,
                             Done<void> done) {
  auto result = allowed("switch_disk");
  if (result.ok() && (device != disk_device_ || !path_exists(overlay)))
    result = Error(Code::kNotFound, "switching disk " + device + ": no such disk or overlay");
  if (result.ok()) disk_ = overlay;
  host_.loop.post([done = std::move(done), result = std::move(result)] { done(result); });
}

void FakeStates::stand_still() {
  if (std::exchange(stands_still_, true)) return;
  host_.stillness_changed();
}

void FakeStates::go_on() {
  if (!std::exchange(stands_still_, false)) return;
  host_.stillness_changed();
}

Result<void> FakeStates::write_disk(std::string_view text) const {
  if (disk_.empty()) return Error(Code::kNotFound, "the fake machine has no disk");
  const auto fd = COVE_TRY(open_file(disk_, O_WRONLY | O_APPEND));
  return write_all({}, fd.get(), text);
}

Result<void> FakeStates::write_page(std::uint32_t page, std::string_view word) {
  if (word.size() > kGuestPageBytes || page >= kWatchedPages)
    return Error(Code::kOutOfRange, "the guest writes to its first pages only");
  std::string bytes(word);
  bytes.resize(kGuestPageBytes, '\0');
  return memory_->write(page, bytes);
}

Result<std::string> FakeStates::describe() const {
  std::string text = serial_ + ' ' + disk_.string();
  std::string bytes(kWatchedPages * kGuestPageBytes, '\0');
  COVE_TRY(memory_->read({0, kWatchedPages}, bytes));
  for (std::uint32_t page = 0; page < kWatchedPages; ++page) {
    const auto word = std::string_view(bytes).substr(page * kGuestPageBytes, kGuestPageBytes);
    const auto end = word.find('\0');
    if (end > 0) text += ' ' + std::to_string(page) + '=' + std::string(word.substr(0, end));
  }
  return text;
}

}  // namespace cove
