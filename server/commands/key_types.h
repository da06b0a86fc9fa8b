// Names of value types, as TYPE answers and SCAN TYPE takes them.
#pragma once

#include "storage/entry.h"

namespace larder {

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
