// Every command the server has, as main and the tests register them.
#pragma once

namespace larder {

class Registry;

void add_all_commands(Registry& registry);

}  // namespace larder
