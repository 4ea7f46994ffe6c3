// FakeStates: StateCapture of the fake machine. Its memory is a real file (with the name that the description
// gives it), its private pages are kept beside it, its devices are a line of text with a number that every
// boot draws anew, and its disk is the file it has: what the guest writes there is appended, so that a test
// can tell which file got it. Loop thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/unique_fd.h"
#include "hypervisor/state_capture.h"
#include "model/machine_spec.h"
#include "model/machine_state.h"

namespace cove {

class FakeMemory final : public GuestMemory {
 public:
  // `origin` invalid: zeros, in a new file, `name` (empty: without one), which goes with the machine.
  static Result<std::shared_ptr<FakeMemory>> create(UniqueFd origin, std::uint64_t bytes,
                                                    std::filesystem::path name);
  ~FakeMemory() override;

  Mapping mapping() const override { return mapping_; }
  int file() const override { return file_.get(); }
  std::uint64_t bytes() const override { return bytes_; }
  Result<std::vector<PageRun>> changed_pages() const override;
  Result<void> read(PageRun run, std::span<char> buffer) const override;
  Result<void> write(std::uint32_t first, std::string_view bytes) override;
  Result<void> give_away(const std::filesystem::path& name);
  void drop_name();

 private:
  FakeMemory(UniqueFd file, std::uint64_t bytes, Mapping mapping)
      : file_(std::move(file)), bytes_(bytes), mapping_(mapping) {}
  UniqueFd file_;
  std::uint64_t bytes_;
  Mapping mapping_;
  std::filesystem::path name_;
  std::map<std::uint32_t, std::string> own_;  // kPrivate
};

// The UART's and the guest's state of the console.
struct FakeTerminal {
  std::string typed{};      // a line without its end
  std::string unprinted{};  // for the host, which does not read
};

class FakeStates final : public StateCapture {
 public:
  struct Host {
    EventLoop& loop;
    std::function<MachineState()> state;
    std::function<bool(const char* call)> fails;  // as a test told it to
    // What the guest has typed and printed half, and what to go on with.
    std::function<FakeTerminal()> save_terminal;
    std::function<void(FakeTerminal)> load_terminal;
    std::function<void()> stillness_changed;
  };
  FakeStates(Host host, const MachineSpec& spec, SocketEnds engine_ends);

  // When the machine starts. An error: it cannot.
  Result<void> begin(UniqueFd origin, std::uint64_t bytes);
  // The guest writes to its disk.
  Result<void> write_disk(std::string_view text) const;
  // The guest fills a page of its memory with a word and zeros.
  Result<void> write_page(std::uint32_t page, std::string_view word);
  // All that the guest is, for tests: "SERIAL DISK 3=word 7=word", of the first kWatchedPages that hold one.
  static constexpr std::uint32_t kWatchedPages = 64;
  Result<std::string> describe() const;
  // What save_devices() saves: the same in a machine that was loaded, another one after each boot.
  const std::string& serial() const { return serial_; }

  std::shared_ptr<GuestMemory> memory() override;
  Result<void> give_memory_away(const std::filesystem::path& name) override;
  void save_devices(Disks disks, Done<DeviceState> done) override;
  void settle(Done<void> done) override;
  void load_devices(DeviceState state, Done<void> done) override;
  void switch_disk(const std::string& device, const std::filesystem::path& overlay, Done<void> done) override;
  void stand_still() override;
  void go_on() override;
  SocketEnds take_engine_ends() override { return std::move(engine_ends_); }
  bool stands_still() const { return stands_still_; }
  void engine_gone();

 private:
  Result<void> allowed(const char* call) const;

  Host host_;
  SocketEnds engine_ends_;
  std::filesystem::path memory_name_;
  std::shared_ptr<FakeMemory> memory_;
  std::string serial_;
  std::string disk_device_;
  std::filesystem::path disk_;
  bool stands_still_ = false;
};

}  // namespace cove
