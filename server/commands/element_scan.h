// What HSCAN, SSCAN and ZSCAN share: cursor, options, the walk over a table of elements. A small
// collection is answered whole, whatever the cursor.
// Source: https://redis.io/commands/scan/
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/glob.h"
#include "base/loose_numbers.h"
#include "base/quoting.h"
#include "server/engine/args.h"
#include "storage/element_table.h"

namespace larder {

struct ElementScan {
  uint64_t cursor = 0;
  uint64_t count = 10;
  Bytes pattern;
  bool any_name = true;
  bool values = true;

  bool wants(Bytes name) const { return any_name || glob_match(pattern, name); }
};

// As strtoull reads it, but for blanks in front.
inline uint64_t take_cursor(Args& args) {
  const Bytes text = args.bytes();
  const auto cursor = skip_spaces(text, 0) == 0 ? parse_loose_uint64(text) : std::nullopt;
  if (!cursor) args.fail("ERR invalid cursor");
  return cursor.value_or(0);
}

inline void take_scan_options(Args& args, ElementScan& scan, bool of_hash) {
  while (args.more()) {
    if (args.take_with_value("COUNT")) {
      const int64_t count = args.integer();
      if (args.ok() && count < 1) args.reject();
      scan.count = static_cast<uint64_t>(count);
    } else if (args.take_with_value("MATCH")) {
      scan.pattern = args.bytes();
      scan.any_name = scan.pattern == "*";
    } else if (args.take("NOVALUES")) {
      if (!of_hash) args.fail("ERR NOVALUES option can only be used in HSCAN");
      scan.values = false;
    } else {
      args.reject();
    }
  }
}

inline void reply_scan_cursor(ReplyWriter& reply, uint64_t cursor) {
  reply.array(2);
  reply.bulk(std::to_string(cursor));
}

inline Status reply_empty_scan(Call& call) {
  reply_scan_cursor(call.reply(), 0);
  call.reply().array(0);
  return Status::ok();
}

// Walks some of a table's elements and collects those for which wants(const Element&) holds.
// Returns the next cursor.
template <typename Wants>
uint64_t scan_table(ElementTable& table, const ElementScan& scan, Wants wants,
                    std::vector<const Element*>& found) {
  // COUNT is a hint. One call looks at no more than other clients can wait for, about 1 ms.
  constexpr uint64_t kCountMax = 10000;
  const uint64_t count = std::min(scan.count, kCountMax);
  // Empty buckets count too, or a sparse table would be walked in one call.
  uint64_t buckets_left = count * 10;
  uint64_t seen = 0;
  uint64_t cursor = scan.cursor;
  do {
    cursor = table.scan(cursor, [&](const Element* element) {
      ++seen;
      if (scan.wants(element->key()) && wants(*element)) found.push_back(element);
    });
  } while (cursor != 0 && seen < count && --buckets_left > 0);
  return cursor;
}

}  // namespace larder
