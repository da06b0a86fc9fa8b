// Names of value types, as TYPE answers and SCAN TYPE takes them.
#pragma once

#include "storage/keyspace.h"

namespace larder {

// True for a missing key too: commands treat it as an empty value.
inline bool is_type(Item item, Type type) { return !item || item->type() == type; }

inline Bytes type_name(Type type) {
  switch (type) {
    case Type::string: return "string";
    case Type::list: return "list";
    case Type::set: return "set";
    case Type::sorted_set: return "zset";
    case Type::hash: return "hash";
    case Type::stream: return "stream";
  }
  return "none";
}

}  // namespace larder
