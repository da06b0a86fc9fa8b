// A command made ready to be written many times: what never changes is one run of bytes, and only
// what is drawn anew is filled in. No allocation, no formatting.
//
//   SET __key__ __data__   ->   |*3 $3 SET $11 key:|0000012| $64 |the value| |
//                                     text          key          bulk value
//
//   __key__     a key by its distribution; may be part of a word
//   __data__    the value of the key that stands before it
//   __ttl__     seconds of the range --ttl      __pttl__   milliseconds of it
//   __number__  any number below that of the keys
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "client/bench/distribution.h"
#include "client/bench/values.h"
#include "protocol/output.h"

namespace larder::bench {

struct TtlRange {
  int64_t first_ms = 0;
  int64_t last_ms = 0;  // 0: no expiry
};

// What the places of a recipe are filled with. One per thread.
struct Fillings {
  const KeyNames& names;
  const Values& values;
  TtlRange ttl;
  Picker keys;
  Picker numbers;
  Random random;
};

class Recipe {
 public:
  // As a RESP request. The error is a sentence.
  static Result<Recipe, std::string> of_resp(const std::vector<std::string>& words,
                                             const KeyNames& names);
  // As a line of memcached's text protocol; SET and GET only.
  static Result<Recipe, std::string> of_memcached(const std::vector<std::string>& words,
                                                  const KeyNames& names);

  // Appends a request. Returns the last key drawn (0 when it has none).
  uint64_t append(Output& out, Fillings& fillings) const;
  // True when its reply is the whole value of its key, which can be compared.
  bool reads_value() const { return reads_value_; }

 private:
  enum class Fill {
    nothing,
    key_digits,
    bulk_value,
    bulk_seconds,
    bulk_ms,
    bulk_number,
    line_seconds,   // memcached: digits, 0 for no expiry
    line_and_data,  // memcached: length, line end, data
  };
  struct Part {
    std::string text;  // written before what is filled in
    Fill fill;
  };

  Recipe() = default;
  void add(Fill fill);
  void add_word(const std::string& word, const KeyNames& names);

  std::vector<Part> parts_;
  std::string text_;  // of the part begun
  bool reads_value_ = false;
};

}  // namespace larder::bench
