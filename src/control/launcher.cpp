#include "control/launcher.h"

#include <fcntl.h>
#include <signal.h>

#include "base/files.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/ready_pipe.h"

namespace cove {
namespace {

constexpr int kReadyFd = 3;
constexpr int kLifetimeFd = 4;
constexpr std::size_t kMaxWords = 8;  // lines
constexpr auto kStopGrace = std::chrono::seconds(10);

struct Pipes {
  UniqueFd ready_ours;
  UniqueFd ready_theirs;
  UniqueFd lifetime_ours;
  UniqueFd lifetime_theirs;
};

SpawnOptions command_of(const LaunchRequest& request, const Pipes& pipes, int log_fd) {
  SpawnOptions options;
  options.argv = {request.program.string(), "-home", request.home.string(), "-vm", request.vm, "-ready-fd",
                  std::to_string(kReadyFd)};
  options.descriptors = {{1, log_fd}, {2, log_fd}, {kReadyFd, pipes.ready_theirs.get()}};
  if (pipes.lifetime_theirs) {
    options.argv.insert(options.argv.end(), {"-lifetime-fd", std::to_string(kLifetimeFd)});
    options.descriptors.push_back({kLifetimeFd, pipes.lifetime_theirs.get()});
  }
  if (request.beginning == LaunchRequest::Beginning::kCold)
    options.argv.insert(options.argv.end(), {"-cold", "yes"});
  for (const auto& forward : request.forwards) {
    options.argv.insert(options.argv.end(),
                        {"-forward", forward.host_address + ":" + std::to_string(forward.host_port) + ":" +
                                         std::to_string(forward.guest_port)});
  }
  options.session = SpawnOptions::Session::kNewSession;
  options.working_directory = "/";
  return options;
}

// The lines behind the last log record: what a dying program said.
std::string last_words(const std::filesystem::path& log_file) {
  auto text = read_file(log_file, std::size_t{32} << 20U);
  if (!text.ok()) return {};
  std::vector<std::string> words;
  for (const auto line : split(*text, '\n')) {
    const std::string_view word = trim(line);
    if (word.empty()) continue;
    // A log record after the words: they belong to an earlier run.
    if (word.front() == '{') {
      words.clear();
    } else if (words.size() < kMaxWords) {
      words.emplace_back(word);
    }
  }
  return join(words, "\n  ");
}

// Ends a supervisor whose launch failed; it has the time to end its VM in order.
void end_process(Process& process) {
  process.signal(SIGTERM);
  if (process.wait({{}, Deadline::after(kStopGrace)}).ok()) return;
  process.signal(SIGKILL);
}

Error died_wordless(Process& process, const LaunchRequest& request) {
  const auto status = process.wait({{}, Deadline::after(kStopGrace)});
  std::string text = "the supervisor of '" + request.vm + "' ended before the VM ran";
  if (status.ok()) text += " (" + status.value().describe() + ")";
  const std::string words = last_words(request.log_file);
  if (!words.empty()) text += "; its last words:\n  " + words;
  return Error(Code::kAborted, std::move(text)).hint("see " + request.log_file.string());
}

}  // namespace

Result<LaunchedVm> launch_vm(const OpContext& ctx, const LaunchRequest& request, Progress& progress) {
  Pipes pipes;
  std::tie(pipes.ready_ours, pipes.ready_theirs) = COVE_TRY(make_pipe());
  if (request.mode == LaunchRequest::Mode::kAttached) {
    std::tie(pipes.lifetime_theirs, pipes.lifetime_ours) = COVE_TRY(make_pipe());
  }
  const UniqueFd log = COVE_TRY(open_file(request.log_file, O_WRONLY | O_CREAT | O_APPEND, 0600));
  log_debug("starting the supervisor",
            {{"program", request.program.string()}, {"log", request.log_file.string()}});
  Process process = COVE_TRY(Process::spawn(command_of(request, pipes, log.get()))
                                 .context("starting the supervisor of '" + request.vm + "'"));
  pipes.ready_theirs.reset();
  pipes.lifetime_theirs.reset();
  auto ready = read_ready(ctx, pipes.ready_ours.get(), progress);
  if (!ready.ok()) {
    if (ready.error().code() == Code::kAborted && ready.error().hint_text().empty()) {
      return died_wordless(process, request);
    }
    end_process(process);
    return std::move(ready).error();
  }
  LaunchedVm vm{std::move(process), std::move(pipes.lifetime_ours), -1};
  vm.pid = vm.process.pid();
  if (request.mode == LaunchRequest::Mode::kDetached) vm.process.detach();
  return vm;
}

}  // namespace cove
