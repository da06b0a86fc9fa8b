// docs/commands.md, made from the cards.
#pragma once

#include <string>

namespace larder {

class Registry;

std::string print_commands_docs(const Registry& registry);

}  // namespace larder
