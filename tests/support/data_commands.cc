#include "tests/support/data_commands.h"

#include "server/commands/families.h"
#include "server/engine/registry.h"
#include "server/persistence/families.h"
#include "server/replication/commands.h"
#include "server/scripting/families.h"

namespace larder {

void add_data_commands(Registry& registry) {
  for (const auto family : {
           connection_commands, client_commands, string_commands, string_edit_commands,
           hash_commands, hash_walk_commands, hash_expiry_commands, set_commands, stream_commands,
           stream_read_commands, stream_group_commands, stream_info_commands, set_walk_commands,
           set_algebra_commands, list_commands, list_edit_commands, list_move_commands,
           list_wait_commands, sort_commands, hyperloglog_commands, key_commands, dump_commands,
           migrate_commands, expiry_commands, scan_commands, object_commands, database_commands,
           conditional_commands, transaction_commands, sorted_set_commands,
           sorted_set_range_commands, sorted_set_pop_commands, sorted_set_algebra_commands,
           geo_commands, geo_search_commands, bitmap_commands, bitfield_commands, eval_commands,
           function_commands, script_commands, module_commands, acl_commands, pubsub_commands,
           eviction_commands, append_only_commands, server_commands, save_commands,
           replication_commands, activity_commands, debug_commands, command_commands}) {
    registry.add(family());
  }
}

}  // namespace larder
