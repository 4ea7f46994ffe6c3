// The groups the base commands are defined in; builtins.cpp adds them all.
#pragma once

#include "script/engine.h"

namespace cove::internal {

void add_file_commands(ScriptEngine& engine);     // cat cd chmod cp exists mkdir mv rm symlink
void add_text_commands(ScriptEngine& engine);     // cmp cmpenv echo env replace
void add_match_commands(ScriptEngine& engine);    // grep stderr stdout
void add_process_commands(ScriptEngine& engine);  // exec sleep stop wait
void add_help_command(ScriptEngine& engine);      // help

}  // namespace cove::internal
