// The base language: 22 commands and 4 conditions that need nothing but this machine.
#pragma once

#include "script/engine.h"

namespace cove {

// cat cd chmod cmp cmpenv cp echo env exec exists grep help mkdir mv replace rm sleep stderr stdout stop
// symlink wait
void add_base_commands(ScriptEngine& engine);
// GOOS:s GOARCH:s compiler:s root
void add_base_conditions(ScriptEngine& engine);
// Both.
ScriptEngine make_base_engine(ScriptEngine::Verbosity verbosity = ScriptEngine::Verbosity::kFull);

}  // namespace cove
