// Reads the `syntax` of a card into the arguments that COMMAND DOCS describes.
//
//   key [key ...]            an argument, and that it may come several times
//   [NX | XX]                one of several, optional; words in capitals are tokens
//   EX seconds               a token with its value
//   <a | b>                  one of several, required
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace larder {

// Source: https://redis.io/commands/command-docs/
struct Argument {
  std::string name;
  std::string type;   // key, string, integer, double, pattern, unix-time, pure-token, oneof, block
  std::string token;  // empty: none
  bool optional = false;
  bool multiple = false;
  std::vector<Argument> parts;  // of oneof and block
};

std::vector<Argument> parse_syntax(Bytes syntax);

}  // namespace larder
