#include "control/connection.h"

#include "base/io.h"
#include "base/log.h"

namespace cove {

Connection::Connection(UniqueFd fd, const ControlServerOptions& options, ControlHandler& handler,
                       std::function<void()> on_end)
    : fd_(std::move(fd)), options_(options), handler_(handler), reader_(options.max_line_bytes) {
  thread_ = Thread("control", [this, on_end = std::move(on_end)] {
    run();
    on_end();
  });
}

Connection::~Connection() {
  close();
  thread_.join();
}

void Connection::close() {
  finishing_.cancel();
  closing_.cancel();
  gone_.cancel();
}

void Connection::run() {
  for (;;) {
    const OpContext ctx{finishing_.token(), Deadline::after(options_.idle)};
    const auto line = reader_.next(ctx, fd_.get());
    if (!line.ok()) {
      if (line.error().code() == Code::kResourceExhausted) {
        // The words that clients of this protocol know; the "token" is the line.
        static_cast<void>(
            refuse(Error(Code::kInvalidArgument, "read request: bufio.Scanner: token too long")));
      }
      return;
    }
    if (!line.value() || serve(*line.value()) == Next::kClose) return;
  }
}

Connection::Next Connection::serve(const std::string& line) {
  const auto served = read_request(line, options_.token);
  if (!served.ok()) {
    dialect_ = Dialect::kOriginal;
    return refuse(served.error());
  }
  dialect_ = dialect_of(served->request);
  const ControlResponse response = answer(*served);
  if (handed_over_) return Next::kClose;
  return send(response).ok() ? Next::kGoOn : Next::kClose;
}

Connection::Next Connection::refuse(const Error& error) {
  const bool stranger =
      error.code() == Code::kUnauthenticated || error.message().rfind("invalid JSON", 0) == 0;
  if (stranger) {
    ++refusals_;
    log_warn("control request refused", {{"reason", error.message().substr(0, 200)}});
  }
  if (!send(error_response(error)).ok()) return Next::kClose;
  return refusals_ >= options_.max_refusals ? Next::kClose : Next::kGoOn;
}

OpContext Connection::context_of(const Verb& verb) const {
  OpContext ctx{verb.hang_up == Verb::HangUp::kCancels ? gone_.token() : closing_.token(), {}};
  if (verb.deadline.count() > 0) ctx.deadline = Deadline::after(verb.deadline);
  return ctx;
}

ControlResponse Connection::answer(const ServedRequest& served) {
  auto response = handler_.handle(context_of(*served.verb), *served.verb, served.request, *this);
  if (!response.ok()) return error_response(response.error());
  if (response->error().empty()) response->set_success(true);
  return std::move(response).value();
}

Result<void> Connection::write_line(const std::string& line) {
  return write_all({gone_.token(), Deadline::after(options_.write_limit)}, fd_.get(), line + "\n");
}

Result<void> Connection::send(const ControlResponse& response) {
  return write_line(response_line(response, dialect_));
}

Result<RawStream> Connection::become_stream(const ControlResponse& first) {
  ControlResponse response = first;
  response.set_success(true);
  COVE_TRY(send(response));
  // A duplicate: the server's hang-up watch still knows the original by its number.
  RawStream stream{COVE_TRY(duplicate(fd_.get())), reader_.take_rest()};
  handed_over_ = true;
  return stream;
}

}  // namespace cove
