// The refusal of a sub-command that takes a varying number of words and was given too many.
#pragma once

#include <string>

#include "server/commands/call.h"

namespace larder {

inline Status wrong_words(const Call& call) {
  return Status::error("ERR unknown subcommand or wrong number of arguments for '" +
                       std::string(call.arg(1)) + "'. Try " +
                       std::string(call.command().parent->spec->name) + " HELP.");
}

}  // namespace larder
