#include "server/net/request_intake.h"

#include <array>
#include <cstring>

namespace larder {
namespace {

size_t total(std::span<const Bytes> args) {
  size_t bytes = 0;
  for (const Bytes arg : args) bytes += arg.size();
  return bytes;
}

}  // namespace

void RequestIntake::take(Bytes bytes) {
  make_room(bytes.size());
  std::memcpy(free_begin(), bytes.data(), bytes.size());
  filled(bytes.size());
}

size_t RequestIntake::running_bytes() const {
  return next_ == 0 ? 0 : total(batch_[next_ - 1].args);
}

size_t RequestIntake::coming_bytes() const {
  return parser_.pending() ? total(parser_.args()) : 0;
}

void RequestIntake::give_back_memory() {
  if (!is_idle()) return query_.fit(parser_);
  query_.release(parser_);
  batch_ = {};
  next_ = 0;
}

// The arguments of all requests lie in one array, which may move while it grows.
size_t RequestIntake::parse_batch(const RequestLimits& limits, size_t most) {
  batch_.clear();
  next_ = 0;
  if (failed_) return 0;
  parser_.start_batch();
  struct Range {
    size_t first, count;
  };
  std::array<Range, kBatch> ranges;
  while (batch_.size() < most) {
    const RequestParser::Outcome outcome = parser_.next(query_.bytes(), limits);
    if (outcome == RequestParser::Outcome::empty) continue;
    if (outcome == RequestParser::Outcome::error) failed_ = true;
    if (outcome != RequestParser::Outcome::request) break;
    ranges[batch_.size()] = {parser_.first_arg(), parser_.args().size()};
    batch_.emplace_back();
  }
  for (size_t i = 0; i < batch_.size(); ++i) {
    batch_[i].args = parser_.args_of(ranges[i].first, ranges[i].count);
  }
  return batch_.size();
}

}  // namespace larder
