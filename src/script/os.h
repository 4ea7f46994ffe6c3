// Files as commands see them, with error texts of the form "open PATH: no such file or directory". Blocking;
// the thread of the script.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "script/state.h"

namespace cove {

// The system's text, beginning with a small letter.
std::string system_text(int error_number);
// "OPERATION PATH: text".
Error system_error(int error_number, std::string_view operation, std::string_view path);

// Without "." and ".." and doubled slashes, by text alone; "." for nothing.
std::string clean_path(std::string_view path);
std::string_view base_name(std::string_view path);

// The whole file, at most 256 MiB; a pipe is read until its end or the context's.
Result<std::string> read_script_file(ScriptState& state, const std::string& path);
// Creates or truncates; `mode` (less the umask) is for new files.
Result<void> write_script_file(const std::string& path, std::string_view bytes, mode_t mode);
// With parents, 0777 less the umask; an existing directory is fine.
Result<void> make_script_directories(const std::string& path);
// rm -rf that first makes directories writable. A missing path is fine.
Result<void> remove_script_tree(const std::string& path);

}  // namespace cove
