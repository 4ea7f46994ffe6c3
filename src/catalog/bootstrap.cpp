#include "catalog/bootstrap.h"

#include <csignal>
#include <deque>

#include "base/io.h"
#include "base/process.h"
#include "base/strings.h"

namespace cove {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::size_t kLinesKept = 60;
constexpr std::size_t kLineLimit = 4096;
constexpr std::size_t kEvidenceLines = 6;

bool contains_any(std::string_view line, std::initializer_list<std::string_view> needles) {
  for (const std::string_view needle : needles) {
    if (line.find(needle) != std::string_view::npos) return true;
  }
  return false;
}

// Bytes of packages below mmdebstrap's folder; what cannot be read counts as nothing.
std::uint64_t downloaded_bytes(const fs::path& temporary) {
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (fs::directory_iterator root(temporary, failure), end; !failure && root != end;
       root.increment(failure)) {
    for (const char* folder : {"var/cache/apt/archives", "var/cache/apt/archives/partial"}) {
      std::error_code inner;
      for (fs::directory_iterator file(root->path() / folder, inner); !inner && file != end;
           file.increment(inner)) {
        std::error_code size_failure;
        const std::uint64_t size = file->file_size(size_failure);
        if (!size_failure) bytes += size;
      }
    }
  }
  return bytes;
}

class Output {
 public:
  explicit Output(Progress& progress) : progress_(progress) {}

  void take(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n' || c == '\r') {
        end_line();
      } else if (line_.size() < kLineLimit) {
        line_.push_back(c);
      }
    }
  }
  void end_line() {
    if (line_.empty()) return;
    // Several hooks in a row are one phase to the user.
    if (const auto phase = bootstrap_phase(line_); !phase.empty() && phase != phase_) {
      phase_ = phase;
      progress_.step(phase);
    }
    lines_.push_back(std::move(line_));
    line_.clear();
    if (lines_.size() > kLinesKept) lines_.pop_front();
  }
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }

 private:
  Progress& progress_;
  std::string_view phase_;
  std::string line_;
  std::deque<std::string> lines_;
};

void end_gently(Process& process, const EndPatience& patience) {
  process.signal_group(SIGTERM);
  if (process.wait({{}, Deadline::after(patience.asked)}).ok()) return;
  process.signal_group(SIGKILL);
  static_cast<void>(process.wait({{}, Deadline::after(patience.forced)}));
}

Result<void> watch(const OpContext& ctx, int fd, const fs::path& temporary, Output& output,
                   Progress& progress) {
  std::string buffer(65536, '\0');
  std::uint64_t shown = 0;
  for (;;) {
    const auto got = read_some(ctx.with_timeout(milliseconds(500)), fd, buffer);
    if (got.ok() && got.value() == 0) break;
    if (got.ok()) {
      output.take(std::string_view(buffer).substr(0, got.value()));
      continue;
    }
    if (got.error().code() != Code::kDeadlineExceeded || ctx.deadline.expired()) return Error(got.error());
    const std::uint64_t bytes = downloaded_bytes(temporary);
    if (bytes != shown) progress.amount(bytes, 0);
    shown = bytes;
  }
  output.end_line();
  return {};
}

}  // namespace

std::string_view bootstrap_phase(std::string_view line) {
  struct Phase {
    std::string_view said;
    std::string_view shown;
  };
  constexpr Phase kPhases[] = {{"I: running apt-get update", "reading package lists"},
                               {"I: downloading packages", "downloading packages"},
                               {"I: extracting archives", "unpacking the base system"},
                               {"I: installing essential packages", "installing the base system"},
                               {"I: installing remaining packages", "installing packages"},
                               {"I: running special hook: tar-in", "adding the agent"},
                               {"I: running special hook: download", "taking out the kernel"},
                               {"I: running --customize-hook", "finishing the file system"}};
  for (const Phase& phase : kPhases) {
    if (line.starts_with(phase.said)) return phase.shown;
  }
  return {};
}

Error bootstrap_failure(std::string_view how_it_ended, const std::vector<std::string>& lines) {
  std::vector<std::string> evidence;
  bool network = false;
  bool namespaces = false;
  for (const std::string& line : lines) {
    if (line.starts_with("I: ")) continue;
    network = network || contains_any(line, {"Failed to fetch", "Could not resolve", "Could not connect",
                                             "Unable to connect", "Connection refused",
                                             "Connection timed out", "Temporary failure"});
    namespaces = namespaces || contains_any(line, {"unshare", "newuidmap", "/etc/subuid", "user namespace",
                                                   "unable to pick chroot mode"});
    if (contains_any(line, {"E: ", "Err:", "W: ", "error", "rror:", "dpkg:"}) || network)
      evidence.push_back(line);
  }
  if (evidence.empty()) evidence = lines;
  if (evidence.size() > kEvidenceLines) evidence.erase(evidence.begin(), evidence.end() - kEvidenceLines);
  const std::string tail = "\n  " + join(evidence, "\n  ");
  if (network) {
    return Error(Code::kUnavailable, "the package mirror cannot be reached:" + tail)
        .hint("check that \"apt-get update\" works on this host, then run the command again");
  }
  if (namespaces) {
    return Error(Code::kPermissionDenied, "this user may not create user namespaces:" + tail)
        .hint(
            "as root: apt install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
            "USER"
            "\nif the kernel forbids it: sysctl -w kernel.unprivileged_userns_clone=1"
            "\nor build as root: sudo cove image build; 'cove doctor host' says what is missing");
  }
  return Error(Code::kInternal, "mmdebstrap failed (" + std::string(how_it_ended) + "):" + tail);
}

Result<void> run_bootstrap(const OpContext& ctx, const BootstrapJob& job, Progress& progress) {
  auto [read_end, write_end] = COVE_TRY(make_pipe());
  SpawnOptions options;
  options.argv = job.argv;
  options.environment = job.environment;
  options.working_directory = "/";
  options.descriptors = {{1, write_end.get()}, {2, write_end.get()}, {kDiskDescriptor, job.disk_fd}};
  if (job.lock_fd >= 0) options.descriptors.push_back({kLockDescriptor, job.lock_fd});
  options.session = SpawnOptions::Session::kNewGroup;
  options.parent_death_signal = SIGTERM;
  Process process = COVE_TRY(Process::spawn(options));
  write_end.reset();
  Output output(progress);
  auto watched = watch(ctx, read_end.get(), job.temporary, output, progress);
  if (!watched.ok()) {
    end_gently(process, job.patience);
    return watched;
  }
  const ExitStatus status = COVE_TRY(process.wait(ctx));
  if (status.success()) return {};
  return bootstrap_failure(status.describe(), output.lines());
}

}  // namespace cove
