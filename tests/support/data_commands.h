// The commands that mean something to data: what files and streams of requests may hold. The rest
// of the server, its network and its options, need not be linked for them.
#pragma once

namespace larder {

class Registry;

void add_data_commands(Registry& registry);

}  // namespace larder
