#include "cli/fetch_lines.h"

#include "base/json.h"

namespace cove {
namespace {

constexpr std::size_t kMaxFetchLine = std::size_t{64} << 10U;

Code code_from(std::string_view name) {
  for (int number = 1; number <= 16; ++number) {
    const auto code = static_cast<Code>(number);
    if (code_name(code) == name) return code;
  }
  return Code::kUnknown;
}

}  // namespace

Result<void> take_fetch_line(std::string_view line, Progress& progress) {
  const auto json = COVE_TRY(Json::parse(line).context("cove-fetch said something else than JSON"));
  if (const auto* step = json.find("step")) progress.step(step->as_string());
  if (const auto* done = json.find("done")) progress.amount(done->as_uint(), json.get("total").as_uint());
  // Other members are for other readers.
  const auto* told = json.find("error");
  if (told == nullptr) return {};
  Error error(code_from(told->get("code").as_string()), told->get("message").as_string());
  const auto& hint = told->get("hint").as_string();
  if (!hint.empty()) return std::move(error).hint(hint);
  return error;
}

FetchLines::FetchLines(int fd) : fd_(fd), reader_(kMaxFetchLine) {}

Result<void> FetchLines::read(const OpContext& ctx, Progress& progress) {
  Result<void> told;
  while (auto line = COVE_TRY(reader_.next(ctx, fd_))) {
    auto taken = take_fetch_line(*line, progress);
    // The rest is read as well: a writer must not be stopped by a full pipe.
    if (!taken.ok() && told.ok()) told = std::move(taken);
  }
  return told;
}

}  // namespace cove
