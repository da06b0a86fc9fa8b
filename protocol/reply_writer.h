// Writes replies. A handler says what the reply is (a map, a double, null); the writer gives it
// the form of the client's protocol version:
//
//   kind      RESP2                       RESP3
//   null      $-1                         _
//   map(n)    *2n                         %n
//   set(n)    *n                          ~n
//   push(n)   *n                          >n
//   number    $3 1.5 (bulk)               ,1.5
//   boolean   :1 / :0                     #t / #f
//   verbatim  $.. text                    =.. txt:text
// Source: https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "protocol/output.h"

namespace larder {

class ReplyWriter {
 public:
  ReplyWriter(Output& out, int version) : out_(out), version_(version) {}

  int version() const { return version_; }
  void set_version(int version) { version_ = version; }
  Output& output() { return out_; }

  void ok() { out_.append(Bytes("+OK\r\n")); }
  void simple(Bytes text);
  // `text` starts with its prefix word: "ERR ...", "WRONGTYPE ...". Line breaks become spaces.
  void error(Bytes text);
  void integer(int64_t value);
  void bulk(Bytes bytes);
  // A bulk string that is not copied: `owner` keeps the bytes alive.
  void bulk_shared(Bytes bytes, std::shared_ptr<const void> owner);
  void null();
  void null_array();
  void number(double value);
  // A number whose digits the caller has chosen.
  void number_text(Bytes digits);
  void boolean(bool value);
  // `format` is three letters, "txt" or "mkd".
  void verbatim(Bytes format, Bytes text);
  void big_number(Bytes digits);

  void array(size_t count) { header('*', count); }
  void map(size_t pairs) { version_ >= 3 ? header('%', pairs) : header('*', pairs * 2); }
  void set(size_t count) { header(version_ >= 3 ? '~' : '*', count); }
  // Facts about the reply that follows; RESP3 only.
  void attribute(size_t pairs) { header('|', pairs); }
  void push(size_t count) { header(version_ >= 3 ? '>' : '*', count); }

  // An array or map whose count is known only at the end. Marks must be closed last first.
  size_t open() const { return out_.mark(); }
  void close_array(size_t mark, size_t count);
  void close_map(size_t mark, size_t pairs);
  void close_set(size_t mark, size_t count);

 private:
  void header(char kind, size_t count);
  void insert_header(size_t mark, char kind, size_t count);

  Output& out_;
  int version_;
};

}  // namespace larder
