// What a server may answer to our client: found the same in pieces as in a whole, and made into a
// value without fault.
#include <memory>

#include "base/check.h"
#include "client/reply.h"
#include "protocol/reply_parser.h"
#include "tests/fuzz/input.h"

namespace larder {
namespace {

using Outcome = ReplyParser::Outcome;

constexpr ReplyLimits kLimits{.bulk_bytes_max = 1000, .elements_max = 100, .reply_bytes_max = 4000};

// A copy that ends where the bytes end, so that a sanitizer sees a read beyond.
struct Exact {
  explicit Exact(Bytes bytes) : data(new char[bytes.size()]), size(bytes.size()) {
    if (size > 0) std::memcpy(data.get(), bytes.data(), size);
  }
  Bytes bytes() const { return {data.get(), size}; }

  std::unique_ptr<char[]> data;
  size_t size;
};

void check_one(Bytes bytes) {
  const Exact all(bytes);
  ReplyParser whole(kLimits);
  const Outcome outcome = whole.next(all.bytes());
  ReplyParser pieces(kLimits);
  Outcome last = Outcome::need_more;
  for (size_t size = 1; size <= bytes.size() && last == Outcome::need_more; ++size) {
    CHECK(pieces.bytes_wanted() >= 1);
    last = pieces.next(Exact(bytes.substr(0, size)).bytes());
  }
  CHECK(last == outcome || bytes.empty());
  if (outcome == Outcome::error) CHECK(!whole.error().empty());
  if (outcome != Outcome::reply) return;
  CHECK(whole.size() <= bytes.size() && whole.size() == pieces.size());
  (void)make_reply(Exact(bytes.substr(0, whole.size())).bytes()).to_text();
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kBytesMax = 2000;  // cut at every byte: quadratic
  larder::check_one(larder::FuzzInput(data, std::min(size, kBytesMax)).rest());
  return 0;
}
