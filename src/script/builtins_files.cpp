#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "script/builtins_internal.h"
#include "script/integer.h"
#include "script/os.h"
#include "script/state.h"

namespace cove::internal {
namespace {

Result<ScriptStep> run_cat(ScriptState& state, ScriptArguments arguments) {
  if (arguments.empty()) return script_usage_error();
  std::vector<std::string> paths;
  for (const auto& name : arguments) paths.push_back(state.path(name));
  return ScriptStep(ScriptWait([paths](ScriptState& waiting) {
    ScriptOutput output;
    for (const auto& path : paths) {
      auto text = read_script_file(waiting, path);
      if (!text.ok()) {
        output.status = std::move(text).error();
        break;
      }
      output.out += *text;
    }
    return output;
  }));
}

Result<ScriptStep> run_cd(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() != 1) return script_usage_error();
  COVE_TRY(state.change_directory(arguments[0]));
  return ScriptStep(ScriptDone{});
}

Result<ScriptStep> run_chmod(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() < 2) return script_usage_error();
  const auto mode = parse_go_integer(arguments[0]);
  if (!mode || *mode > 0777) return Error(Code::kInvalidArgument, "invalid mode: " + arguments[0]);
  for (const auto& name : arguments.subspan(1)) {
    const std::string path = state.path(name);
    if (::chmod(path.c_str(), static_cast<mode_t>(*mode)) < 0) return system_error(errno, "chmod", path);
  }
  return ScriptStep(ScriptDone{});
}

// What is copied: a buffer or a file.
struct CopySource {
  std::string base;
  std::string bytes;
  mode_t mode = 0666;
};

Result<CopySource> read_source(ScriptState& state, const std::string& name) {
  if (name == "stdout") return CopySource{name, state.out()};
  if (name == "stderr") return CopySource{name, state.err()};
  const std::string path = state.path(name);
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) return system_error(errno, "stat", path);
  std::string bytes = COVE_TRY(read_script_file(state, path));
  return CopySource{std::string(base_name(path)), std::move(bytes), status.st_mode & 0777U};
}

Result<ScriptStep> run_cp(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() < 2) return script_usage_error();
  const std::string target = state.path(arguments.back());
  struct stat status {};
  const bool into_directory = ::stat(target.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (arguments.size() > 2 && !into_directory) {
    return Error(Code::kInvalidArgument, "cp " + target + ": destination is not a directory");
  }
  for (const auto& name : arguments.first(arguments.size() - 1)) {
    const CopySource source = COVE_TRY(read_source(state, name));
    const std::string path = into_directory ? clean_path(target + "/" + source.base) : target;
    COVE_TRY(write_script_file(path, source.bytes, source.mode));
  }
  return ScriptStep(ScriptDone{});
}

Result<ScriptStep> run_exists(ScriptState& state, ScriptArguments arguments) {
  bool read_only = false;
  bool executable = false;
  for (; !arguments.empty(); arguments = arguments.subspan(1)) {
    if (arguments[0] == "-readonly") {
      read_only = true;
    } else if (arguments[0] == "-exec") {
      executable = true;
    } else {
      break;
    }
  }
  if (arguments.empty()) return script_usage_error();
  for (const auto& name : arguments) {
    const std::string path = state.path(name);
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0) return system_error(errno, "stat", path);
    const auto fail = [&](std::string_view what) {
      return Error(Code::kFailedPrecondition, path + " exists but is " + std::string(what));
    };
    if (read_only && (status.st_mode & 0222U) != 0) return fail("writable");
    if (executable && (status.st_mode & 0111U) == 0) return fail("not executable");
  }
  return ScriptStep(ScriptDone{});
}

Result<ScriptStep> run_mkdir(ScriptState& state, ScriptArguments arguments) {
  if (arguments.empty()) return script_usage_error();
  for (const auto& name : arguments) COVE_TRY(make_script_directories(state.path(name)));
  return ScriptStep(ScriptDone{});
}

Result<ScriptStep> run_mv(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() != 2) return script_usage_error();
  const std::string from = state.path(arguments[0]);
  const std::string to = state.path(arguments[1]);
  if (::rename(from.c_str(), to.c_str()) < 0) return system_error(errno, "rename " + from, to);
  return ScriptStep(ScriptDone{});
}

Result<ScriptStep> run_rm(ScriptState& state, ScriptArguments arguments) {
  if (arguments.empty()) return script_usage_error();
  for (const auto& name : arguments) COVE_TRY(remove_script_tree(state.path(name)));
  return ScriptStep(ScriptDone{});
}

Result<ScriptStep> run_symlink(ScriptState& state, ScriptArguments arguments) {
  if (arguments.size() != 3 || arguments[1] != "->") return script_usage_error();
  const std::string path = state.path(arguments[0]);
  if (::symlink(arguments[2].c_str(), path.c_str()) < 0) {
    return system_error(errno, "symlink " + arguments[2], path);
  }
  return ScriptStep(ScriptDone{});
}

}  // namespace

void add_file_commands(ScriptEngine& engine) {
  engine.add(ScriptCommand{.name = "cat",
                           .synopsis = "files...",
                           .summary = "write the files, one after another, to stdout",
                           .run = run_cat});
  engine.add(ScriptCommand{.name = "cd",
                           .synopsis = "dir",
                           .summary = "change the directory of the script",
                           .details = {"Sets $PWD as well. Programs started from now on run there."},
                           .run = run_cd});
  engine.add(ScriptCommand{.name = "chmod",
                           .synopsis = "perm paths...",
                           .summary = "change the permission bits of files",
                           .details = {"perm is a number of at most 0777; a leading 0 makes it octal."},
                           .run = run_chmod});
  engine.add(
      ScriptCommand{.name = "cp",
                    .synopsis = "src... dst",
                    .summary = "copy files",
                    .details = {"A src of stdout or stderr is what the last command wrote. With several "
                                "sources dst must be a directory."},
                    .run = run_cp});
  engine.add(ScriptCommand{.name = "exists",
                           .synopsis = "[-readonly] [-exec] file...",
                           .summary = "check that files exist",
                           .details = {"With -readonly nobody may have write permission; with -exec somebody "
                                       "must have execute permission."},
                           .run = run_exists});
  engine.add(ScriptCommand{.name = "mkdir",
                           .synopsis = "path...",
                           .summary = "make directories and their parents",
                           .details = {"A directory that exists is no error."},
                           .run = run_mkdir});
  engine.add(ScriptCommand{
      .name = "mv", .synopsis = "old new", .summary = "rename a file or directory", .run = run_mv});
  engine.add(
      ScriptCommand{.name = "rm",
                    .synopsis = "path...",
                    .summary = "remove files and directory trees",
                    .details = {"What does not exist is no error; directories are made writable first."},
                    .run = run_rm});
  engine.add(ScriptCommand{.name = "symlink",
                           .synopsis = "path -> target",
                           .summary = "make a symbolic link",
                           .details = {"The target is stored as it is written."},
                           .run = run_symlink});
}

}  // namespace cove::internal
