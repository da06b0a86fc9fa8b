// How COMMAND prints a card.
#pragma once

#include "protocol/reply_writer.h"
#include "server/engine/registry.h"

namespace larder {

// ACL categories by name.
struct AclName {
  Acl bit;
  Bytes name;
};
std::span<const AclName> acl_names();

// COMMAND INFO's ten fields. Source: https://redis.io/commands/command/
void write_command(ReplyWriter& reply, const Command& command);
// COMMAND DOCS' map. Source: https://redis.io/commands/command-docs/
void write_docs(ReplyWriter& reply, const Command& command);
// What the command does to a key: {"RW", "update"}, and one word `more`, if it is not empty.
void write_key_flags(ReplyWriter& reply, KeyUse use, Bytes more = {});

}  // namespace larder
