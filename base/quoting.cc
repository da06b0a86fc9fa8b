#include "base/quoting.h"

#include <cstdio>

namespace larder {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Vertical tabs and form feeds stand between words only next to one of these.
bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescape(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

}  // namespace

size_t skip_spaces(Bytes line, size_t at) {
  while (at < line.size() && is_space(line[at])) ++at;
  return at;
}

size_t read_word(Bytes line, size_t at, std::string& word, bool& plain) {
  char quote = 0;
  plain = true;
  for (size_t i = at; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0) {
      if (ends_word(c)) return i;
      if (c == '"' || c == '\'') {
        quote = c;
        plain = false;
      } else {
        word += c;
      }
      continue;
    }
    if (c == quote) {
      if (i + 1 < line.size() && !is_space(line[i + 1])) return Bytes::npos;
      return i + 1;
    }
    if (c != '\\' || i + 1 >= line.size()) {
      word += c;
    } else if (quote == '\'') {
      if (line[i + 1] == '\'') ++i;
      word += line[i];
    } else if (line[i + 1] == 'x' && i + 3 < line.size() && hex_digit(line[i + 2]) >= 0 &&
               hex_digit(line[i + 3]) >= 0) {
      word += static_cast<char>(hex_digit(line[i + 2]) * 16 + hex_digit(line[i + 3]));
      i += 3;
    } else {
      word += unescape(line[++i]);
    }
  }
  return quote == 0 ? line.size() : Bytes::npos;
}

std::optional<std::vector<std::string>> split_line(Bytes line) {
  std::vector<std::string> words;
  for (size_t at = skip_spaces(line, 0); at < line.size(); at = skip_spaces(line, at)) {
    bool plain = true;
    at = read_word(line, at, words.emplace_back(), plain);
    if (at == Bytes::npos) return {};
  }
  return words;
}

std::string quoted(Bytes word) {
  std::string text = "\"";
  for (const char c : word) {
    switch (c) {
      case '\\': text += "\\\\"; break;
      case '"': text += "\\\""; break;
      case '\n': text += "\\n"; break;
      case '\r': text += "\\r"; break;
      case '\t': text += "\\t"; break;
      case '\a': text += "\\a"; break;
      case '\b': text += "\\b"; break;
      default:
        if (c >= 32 && c < 127) {
          text += c;
        } else {
          char hex[8];
          std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
          text += hex;
        }
    }
  }
  return text + '"';
}

}  // namespace larder
