#include "server/engine/request_text.h"

#include <cstring>

#include "base/numbers.h"

namespace larder {
namespace {

size_t digits_of(size_t number) {
  size_t digits = 1;
  for (; number >= 10; number /= 10) ++digits;
  return digits;
}

// "$3\r\n" or "*3\r\n".
char* put_head(char* to, char kind, size_t number) {
  *to++ = kind;
  to += format_int64(static_cast<int64_t>(number), to);
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

}  // namespace

size_t request_bytes(std::span<const Bytes> words) {
  size_t bytes = 3 + digits_of(words.size());
  for (const Bytes word : words) bytes += 5 + digits_of(word.size()) + word.size();
  return bytes;
}

char* put_request(char* to, std::span<const Bytes> words) {
  to = put_head(to, '*', words.size());
  for (const Bytes word : words) {
    to = put_head(to, '$', word.size());
    if (!word.empty()) std::memcpy(to, word.data(), word.size());
    to += word.size();
    *to++ = '\r';
    *to++ = '\n';
  }
  return to;
}

void append_request(std::string& text, std::span<const Bytes> words) {
  const size_t before = text.size();
  text.resize(before + request_bytes(words));
  put_request(text.data() + before, words);
}

}  // namespace larder
