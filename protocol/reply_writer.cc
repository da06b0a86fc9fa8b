#include "protocol/reply_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/numbers.h"

namespace larder {
namespace {

constexpr size_t kLineBytesMax = 1 + kInt64TextMax + 2;

char* put_end(char* at) {
  at[0] = '\r';
  at[1] = '\n';
  return at + 2;
}

// kind, digits, \r\n
char* put_line(char* at, char kind, int64_t value) {
  *at++ = kind;
  return put_end(at + format_int64(value, at));
}

}  // namespace

void ReplyWriter::header(char kind, size_t count) {
  out_.end_at(put_line(out_.extend(kLineBytesMax), kind, static_cast<int64_t>(count)));
}

void ReplyWriter::simple(Bytes text) {
  out_.append('+');
  out_.append(text);
  out_.append(Bytes("\r\n"));
}

void ReplyWriter::error(Bytes text) {
  std::string line("-");
  line.append(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  line += "\r\n";
  out_.append(line);
}

void ReplyWriter::integer(int64_t value) {
  out_.end_at(put_line(out_.extend(kLineBytesMax), ':', value));
}

void ReplyWriter::bulk(Bytes bytes) {
  char* at = out_.extend(kLineBytesMax + bytes.size() + 2);
  at = put_line(at, '$', static_cast<int64_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  out_.end_at(put_end(at + bytes.size()));
}

void ReplyWriter::bulk_shared(Bytes bytes, std::shared_ptr<const void> owner) {
  if (bytes.size() < Output::kPieceBytesMin) return bulk(bytes);
  header('$', bytes.size());
  out_.append_shared(bytes, std::move(owner));
  out_.append(Bytes("\r\n"));
}

void ReplyWriter::null() { out_.append(version_ >= 3 ? Bytes("_\r\n") : Bytes("$-1\r\n")); }

void ReplyWriter::null_array() { out_.append(version_ >= 3 ? Bytes("_\r\n") : Bytes("*-1\r\n")); }

void ReplyWriter::number(double value) {
  char text[kDoubleTextMax];
  number_text({text, format_double(value, text)});
}

void ReplyWriter::number_text(Bytes digits) {
  if (version_ < 3) return bulk(digits);
  out_.append(',');
  out_.append(digits);
  out_.append(Bytes("\r\n"));
}

void ReplyWriter::boolean(bool value) {
  if (version_ < 3) return integer(value ? 1 : 0);
  out_.append(value ? Bytes("#t\r\n") : Bytes("#f\r\n"));
}

void ReplyWriter::verbatim(Bytes format, Bytes text) {
  if (version_ < 3) return bulk(text);
  header('=', text.size() + 4);
  out_.append(format);
  out_.append(':');
  out_.append(text);
  out_.append(Bytes("\r\n"));
}

void ReplyWriter::big_number(Bytes digits) {
  if (version_ < 3) return bulk(digits);
  out_.append('(');
  out_.append(digits);
  out_.append(Bytes("\r\n"));
}

void ReplyWriter::insert_header(size_t mark, char kind, size_t count) {
  char line[kLineBytesMax];
  const char* const end = put_line(line, kind, static_cast<int64_t>(count));
  out_.insert(mark, Bytes(line, static_cast<size_t>(end - line)));
}

void ReplyWriter::close_array(size_t mark, size_t count) { insert_header(mark, '*', count); }

void ReplyWriter::close_map(size_t mark, size_t pairs) {
  version_ >= 3 ? insert_header(mark, '%', pairs) : insert_header(mark, '*', pairs * 2);
}

void ReplyWriter::close_set(size_t mark, size_t count) {
  insert_header(mark, version_ >= 3 ? '~' : '*', count);
}

}  // namespace larder
