// What a client has sent: its bytes, the parser that goes over them, and the batch of whole
// requests that are to be run next. Arguments are views into the bytes, which stay where they are
// until the batch has run.
//
//   |ran|request|request|request in the ma|  free  |
//        ^ next()        ^ parser
#pragma once

#include <span>
#include <string>
#include <vector>

#include "protocol/request_parser.h"
#include "server/engine/call.h"
#include "server/net/query_buffer.h"

namespace larder {

class RequestIntake {
 public:
  static constexpr size_t kBatch = 64;

  char* free_begin() { return query_.free_begin(); }
  size_t free_bytes() const { return query_.free_bytes(); }
  void filled(size_t bytes) { query_.filled(bytes); }
  void make_room(size_t bytes) { query_.make_room(parser_, bytes); }
  // The next request needs so many more, at least.
  size_t bytes_wanted() const { return parser_.bytes_wanted(); }
  void take(Bytes bytes);

  size_t bytes() const { return query_.size(); }
  size_t capacity() const { return query_.capacity(); }
  // Behind the last whole request of the batch, and behind what was parsed of the one after it.
  size_t unbatched_bytes() const { return query_.size() - parser_.position(); }
  size_t unparsed_bytes() const { return query_.size() - parser_.parsed(); }
  const char* batch_end() const { return query_.bytes().data() + parser_.position(); }
  // Of the arguments of the request that runs (the last one taken), or that is on its way.
  size_t running_bytes() const;
  size_t coming_bytes() const;

  // Nothing has come beyond the batch.
  bool is_idle() const { return unbatched_bytes() == 0 && !parser_.pending(); }
  // Memory that a client that sends nothing need not have.
  bool keeps_too_much() const {
    return is_idle() ? capacity() > 0 : free_bytes() > kUnsentRoomMax;
  }
  void give_back_memory();
  void let_shrink() { query_.let_shrink(); }

  // Forgets the last batch and fills the next one with up to `most` whole requests; returns how
  // many they are. None may be left when what follows is malformed: then failed().
  size_t parse_batch(const RequestLimits& limits, size_t most);
  bool failed() const { return failed_; }
  const std::string& error() const { return parser_.error(); }

  bool has_next() const { return next_ < batch_.size(); }
  const Request& next() const { return batch_[next_]; }
  void take_next() { ++next_; }
  // Those of the batch that have not run.
  std::span<Request> rest() { return std::span(batch_).subspan(next_); }

 private:
  // Room for a request that is not here yet, which an idle client may keep.
  static constexpr size_t kUnsentRoomMax = 32 * 1024;

  QueryBuffer query_;
  RequestParser parser_;
  std::vector<Request> batch_;
  size_t next_ = 0;  // in batch_
  bool failed_ = false;
};

}  // namespace larder
