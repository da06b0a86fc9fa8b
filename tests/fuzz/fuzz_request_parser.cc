// Requests in pieces mean what they mean as a whole, and nothing is read beyond the bytes given.
//
//   | flags 1 B | bytes per piece 1 B | what a client sends |
#include <memory>
#include <vector>

#include "base/check.h"
#include "protocol/request_parser.h"
#include "tests/fuzz/input.h"

namespace larder {
namespace {

using Outcome = RequestParser::Outcome;

struct Parsed {
  std::vector<std::vector<std::string>> requests;
  Outcome end = Outcome::need_more;
  std::string error;

  bool operator==(const Parsed&) const = default;
};

// Feeds the bytes in pieces, each time from new memory that ends where they end.
Parsed parse(Bytes bytes, size_t piece, const RequestLimits& limits) {
  Parsed parsed;
  RequestParser parser;
  std::unique_ptr<char[]> data;
  size_t size = 0;
  while (!bytes.empty() && parsed.end != Outcome::error) {
    const Bytes next = bytes.substr(0, piece);
    bytes.remove_prefix(next.size());
    const size_t dropped = parser.position();
    const size_t kept = size - dropped;
    std::unique_ptr<char[]> fresh(new char[kept + next.size()]);
    if (kept > 0) std::memcpy(fresh.get(), data.get() + dropped, kept);
    std::memcpy(fresh.get() + kept, next.data(), next.size());
    parser.moved(data.get(), dropped, fresh.get());
    data = std::move(fresh);
    size = kept + next.size();
    parser.start_batch();
    do {
      parsed.end = parser.next({data.get(), size}, limits);
      CHECK(parser.position() <= size);
      CHECK(parser.bytes_wanted() >= 1);
      if (parsed.end != Outcome::request) continue;
      CHECK(!parser.args().empty());
      parsed.requests.emplace_back(parser.args().begin(), parser.args().end());
    } while (parsed.end == Outcome::request || parsed.end == Outcome::empty);
  }
  if (parsed.end == Outcome::error) parsed.error = parser.error();
  return parsed;
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace larder;
  FuzzInput input(data, size);
  const RequestLimits limits{.bulk_bytes_max = 1000, .authenticated = input.byte() % 4 != 0};
  const size_t piece = 1 + input.byte() % 32;
  const Parsed whole = parse(input.rest(), size + 1, limits);
  CHECK(whole == parse(input.rest(), piece, limits));
  CHECK(whole == parse(input.rest(), 1, limits));
  return 0;
}
