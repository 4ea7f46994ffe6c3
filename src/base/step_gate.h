// StepGate: called before each step of work that has to survive being stopped anywhere, with the step's name;
// an error stops there. Tests use it to fail or die at every step.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"

namespace cove {

using StepGate = std::function<Result<void>(std::string_view step)>;

}  // namespace cove
