// The families of commands that live in this room. server/admin/all_commands.cc adds them.
#pragma once

#include <span>

#include "server/engine/spec.h"

namespace larder {

std::span<const CommandSpec> connection_commands();
std::span<const CommandSpec> string_commands();
std::span<const CommandSpec> string_edit_commands();
std::span<const CommandSpec> hash_commands();
std::span<const CommandSpec> hash_walk_commands();
std::span<const CommandSpec> hash_expiry_commands();
std::span<const CommandSpec> set_commands();
std::span<const CommandSpec> stream_commands();
std::span<const CommandSpec> stream_group_commands();
std::span<const CommandSpec> stream_info_commands();
std::span<const CommandSpec> stream_read_commands();
std::span<const CommandSpec> set_walk_commands();
std::span<const CommandSpec> set_algebra_commands();
std::span<const CommandSpec> list_commands();
std::span<const CommandSpec> list_edit_commands();
std::span<const CommandSpec> list_move_commands();
std::span<const CommandSpec> list_wait_commands();
std::span<const CommandSpec> sort_commands();
std::span<const CommandSpec> hyperloglog_commands();
std::span<const CommandSpec> key_commands();
std::span<const CommandSpec> expiry_commands();
std::span<const CommandSpec> scan_commands();
std::span<const CommandSpec> object_commands();
std::span<const CommandSpec> database_commands();
std::span<const CommandSpec> conditional_commands();
std::span<const CommandSpec> transaction_commands();
std::span<const CommandSpec> bitmap_commands();
std::span<const CommandSpec> bitfield_commands();
std::span<const CommandSpec> command_commands();
std::span<const CommandSpec> activity_commands();
std::span<const CommandSpec> server_commands();
std::span<const CommandSpec> cluster_commands();
std::span<const CommandSpec> debug_commands();
std::span<const CommandSpec> client_commands();
std::span<const CommandSpec> module_commands();
std::span<const CommandSpec> acl_commands();
std::span<const CommandSpec> sorted_set_commands();
std::span<const CommandSpec> sorted_set_range_commands();
std::span<const CommandSpec> sorted_set_pop_commands();
std::span<const CommandSpec> sorted_set_algebra_commands();
std::span<const CommandSpec> geo_commands();
std::span<const CommandSpec> geo_search_commands();
std::span<const CommandSpec> pubsub_commands();
std::span<const CommandSpec> eviction_commands();
std::span<const CommandSpec> append_only_commands();

// CLIENT SETNAME's rule: printable and no spaces.
bool is_client_name(Bytes name);
inline constexpr const char* kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace larder
