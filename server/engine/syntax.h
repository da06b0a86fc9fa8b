// Reads the `syntax` of a card into the arguments that COMMAND DOCS describes.
//
//   key [key ...]            an argument, and that it may come several times
//   [NX | XX]                one of several, optional; words in capitals are tokens
//   EX seconds               a token with its value
//   <a | b>                  one of several, required
//   {| c}                    what Redis 7.2 does not have: left out
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
  bool multiple_token = false;  // each time with the token
  std::vector<Argument> parts;  // of oneof and block
};

std::vector<Argument> parse_syntax(Bytes syntax);
// The same for readers: without braces.
std::string readable(Bytes syntax);

}  // namespace larder
