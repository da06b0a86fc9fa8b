#include "server/admin/all_commands.h"

#include "server/admin/families.h"
#include "server/commands/families.h"
#include "server/engine/registry.h"
#include "server/persistence/families.h"
#include "server/replication/commands.h"
#include "server/scripting/families.h"

namespace larder {

void add_all_commands(Registry& registry) {
  registry.add(connection_commands());
  registry.add(client_commands());
  registry.add(string_commands());
  registry.add(string_edit_commands());
  registry.add(hash_commands());
  registry.add(hash_walk_commands());
  registry.add(hash_expiry_commands());
  registry.add(set_commands());
  registry.add(stream_commands());
  registry.add(stream_read_commands());
  registry.add(stream_group_commands());
  registry.add(stream_info_commands());
  registry.add(set_walk_commands());
  registry.add(set_algebra_commands());
  registry.add(list_commands());
  registry.add(list_edit_commands());
  registry.add(list_move_commands());
  registry.add(list_wait_commands());
  registry.add(sort_commands());
  registry.add(hyperloglog_commands());
  registry.add(key_commands());
  registry.add(dump_commands());
  registry.add(migrate_commands());
  registry.add(expiry_commands());
  registry.add(scan_commands());
  registry.add(object_commands());
  registry.add(database_commands());
  registry.add(conditional_commands());
  registry.add(transaction_commands());
  registry.add(sorted_set_commands());
  registry.add(sorted_set_range_commands());
  registry.add(sorted_set_pop_commands());
  registry.add(sorted_set_algebra_commands());
  registry.add(geo_commands());
  registry.add(geo_search_commands());
  registry.add(bitmap_commands());
  registry.add(bitfield_commands());
  registry.add(eval_commands());
  registry.add(function_commands());
  registry.add(script_commands());
  registry.add(module_commands());
  registry.add(acl_commands());
  registry.add(pubsub_commands());
  registry.add(eviction_commands());
  registry.add(append_only_commands());
  registry.add(server_commands());
  registry.add(cluster_commands());
  registry.add(save_commands());
  registry.add(replication_commands());
  registry.add(activity_commands());
  registry.add(debug_commands());
  registry.add(memory_commands());
  registry.add(command_commands());
  registry.add(config_commands());
  registry.add(info_commands());
}

}  // namespace larder
