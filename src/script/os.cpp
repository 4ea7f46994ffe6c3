#include "script/os.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "base/io.h"
#include "base/strings.h"

namespace cove {

std::string system_text(int error_number) {
  std::string text = std::strerror(error_number);
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (text.size() > 1 && is_upper(text[0]) && !is_upper(text[1]))
    text = to_lower(text.substr(0, 1)) + text.substr(1);
  return text;
}

Error system_error(int error_number, std::string_view operation, std::string_view path) {
  // from_errno picks the code that fits; the text is ours.
  const Code code = Error::from_errno(error_number, path).code();
  return Error(code, std::string(operation) + " " + std::string(path) + ": " + system_text(error_number));
}

std::string clean_path(std::string_view path) {
  const bool absolute = path.starts_with('/');
  std::vector<std::string_view> parts;
  for (const auto part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    const bool leads_up = part == "..";
    if (leads_up && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!leads_up || !absolute) {
      parts.push_back(part);
    }
  }
  std::string result = absolute ? "/" : "";
  for (const auto part : parts) {
    if (!result.empty() && result.back() != '/') result += '/';
    result += part;
  }
  return result.empty() ? "." : result;
}

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Result<std::string> read_script_file(ScriptState& state, const std::string& path) {
  constexpr std::size_t kMaxBytes = std::size_t{256} << 20U;
  // Non-blocking, so that opening a pipe nobody writes to does not outlast the context.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(errno, "open", path);
  std::string all;
  char chunk[65536];
  for (;;) {
    const auto count = read_some(state.context(), fd.get(), chunk);
    if (!count.ok()) {
      COVE_TRY(state.check_context());
      return system_error(count.error().error_number(), "read", path);
    }
    if (*count == 0) return all;
    if (all.size() + *count > kMaxBytes) {
      return Error(Code::kResourceExhausted, "read " + path + ": larger than " + format_bytes(kMaxBytes));
    }
    all.append(chunk, *count);
  }
}

Result<void> write_script_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) return system_error(errno, "open", path);
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return system_error(errno, "write", path);
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> make_script_directories(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return system_error(ENOTDIR, "mkdir", path);
  }
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) COVE_TRY(make_script_directories(path.substr(0, slash)));
  if (::mkdir(path.c_str(), 0777) < 0 && errno != EEXIST) return system_error(errno, "mkdir", path);
  return {};
}

namespace {

// 0777 on every directory below and including `path`, links not followed. What cannot be changed is left to
// the removal to report.
void open_directories(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) < 0 || !S_ISDIR(status.st_mode)) return;
  ::chmod(path.c_str(), 0777);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    open_directories(entry->path().string());
  }
}

}  // namespace

Result<void> remove_script_tree(const std::string& path) {
  open_directories(path);
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return system_error(error.value(), "remove", path);
  return {};
}

}  // namespace cove
