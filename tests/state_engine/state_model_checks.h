// Comparisons of the model with what is there; an error says what differs.
#pragma once

#include "state_model.h"

namespace cove::state_test {

inline Error model_error(const std::string& text) { return {Code::kInternal, text}; }

inline Result<void> expect_equal(std::string_view what, std::string_view is, std::string_view should) {
  if (is == should) return {};
  return model_error(std::string(what) + " is <" + std::string(is) + ">, should be <" + std::string(should) +
                     ">");
}

template <typename T>
Result<void> expect_code(const Result<T>& result, Code code) {
  if (result.ok()) return model_error("it should have been refused");
  if (result.error().code() == code) return {};
  return model_error("refused otherwise: " + result.error().message());
}

inline std::string describe_tree(const SnapshotTree& tree) {
  std::map<std::string, std::string> lines;
  for (const auto& snapshot : tree.all())
    lines[snapshot.name] = std::string(to_string(snapshot.kind)) + "<" + snapshot.parent;
  std::string text;
  for (const auto& [name, line] : lines) text += name + ":" + line + " ";
  return text;
}

inline std::string describe_tree(const std::map<std::string, ModelState>& snapshots) {
  std::string text;
  for (const auto& [name, state] : snapshots)
    text += name + ":" + std::string(to_string(state.kind)) + "<" + state.parent + " ";
  return text;
}

}  // namespace cove::state_test
