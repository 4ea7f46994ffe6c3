#include "control/ready_pipe.h"

#include "base/io.h"
#include "base/json.h"
#include "control/line_reader.h"

namespace cove {

void ReadyReporter::write_line(const std::string& line) {
  if (!pipe_) return;
  const OpContext ctx{{}, Deadline::after(std::chrono::seconds(2))};
  if (!write_all(ctx, pipe_.get(), line + "\n").ok()) pipe_.reset();
}

void ReadyReporter::step(std::string_view what) { write_line(Json::object({{"step", what}}).dump()); }

void ReadyReporter::amount(std::uint64_t done, std::uint64_t total) {
  write_line(Json::object({{"done", done}, {"total", total}}).dump());
}

void ReadyReporter::finish(const Result<void>& outcome) {
  if (outcome.ok()) {
    write_line(Json::object({{"ready", true}}).dump());
  } else {
    const Error& error = outcome.error();
    write_line(Json::object({{"error", Json::object({{"code", code_name(error.code())},
                                                     {"message", error.message()},
                                                     {"hint", error.hint_text()}})}})
                   .dump());
  }
  pipe_.reset();
}

Result<void> read_ready(const OpContext& ctx, int pipe, Progress& progress) {
  LineReader reader(std::size_t{64} << 10U);
  for (;;) {
    const auto line = COVE_TRY(reader.next(ctx, pipe));
    if (!line) return Error(Code::kAborted, "ended before it said that the VM runs");
    const Json json = COVE_TRY(Json::parse(*line));
    if (json.get("ready").as_bool()) return {};
    if (const Json* error = json.find("error")) {
      return Error(code_from_name(error->get("code").as_string()), error->get("message").as_string())
          .hint(error->get("hint").as_string());
    }
    if (const Json* step = json.find("step")) progress.step(step->as_string());
    if (json.find("done") != nullptr)
      progress.amount(json.get("done").as_uint(), json.get("total").as_uint());
  }
}

}  // namespace cove
