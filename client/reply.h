// A server's reply as a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

struct Reply {
  enum class Type {
    null,        // RESP2's null string and null array too
    simple,      // +OK
    string,      // bulk
    error,       // the text begins with its prefix word: "ERR ...", "WRONGTYPE ..."
    integer,
    number,      // RESP3 double
    boolean,     // in `integer`: 1 or 0
    big_number,  // its digits in `text`
    verbatim,    // `text` without the format
    array,
    map,         // key, value, key, value ... in `elements`
    set,
    push,        // never an answer; see Client::on_push
  };

  Type type = Type::null;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<Reply> elements;

  bool is_null() const { return type == Type::null; }
  bool is_error() const { return type == Type::error; }
  bool is_ok() const { return type == Type::simple && text == "OK"; }
  // simple, string, verbatim and big_number.
  bool is_text() const;

  // The value of a map's key (RESP3's map, or RESP2's flat array); null when there is none.
  const Reply* find(Bytes key) const;

  // For people and test failures, in redis-cli's manner: (integer) 1, "text", [1, 2].
  std::string to_text() const;
};

// `whole` is one reply as ReplyParser found it, nothing before or behind. Attributes, which may be
// ignored by their definition, are.
Reply make_reply(Bytes whole);

}  // namespace larder
