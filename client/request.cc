#include "client/request.h"

#include "base/check.h"
#include "base/numbers.h"

namespace larder {

void append_header(std::string& out, char kind, size_t count) {
  char line[kInt64TextMax + 3];
  line[0] = kind;
  size_t size = 1 + format_int64(static_cast<int64_t>(count), line + 1);
  line[size++] = '\r';
  line[size++] = '\n';
  out.append(line, size);
}

void append_argument(std::string& out, Bytes argument) {
  append_header(out, '$', argument.size());
  out += argument;
  out += "\r\n";
}

void append_request(std::string& out, std::span<const Bytes> args) {
  CHECK(!args.empty());
  append_header(out, '*', args.size());
  for (const Bytes argument : args) append_argument(out, argument);
}

}  // namespace larder
