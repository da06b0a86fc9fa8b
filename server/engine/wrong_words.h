// The refusal of a sub-command that takes a varying number of words and was given too many.
#pragma once

#include <string>

#include "server/engine/call.h"

namespace larder {

inline std::string wrong_words_text(Bytes word, Bytes container) {
  constexpr size_t kQuotedMax = 128;  // as Redis
  return "ERR unknown subcommand or wrong number of arguments for '" +
         std::string(word.substr(0, kQuotedMax)) + "'. Try " + std::string(container) + " HELP.";
}

inline Status wrong_words(const Call& call) {
  return Status::error(wrong_words_text(call.arg(1), call.command().parent->spec->name));
}

}  // namespace larder
