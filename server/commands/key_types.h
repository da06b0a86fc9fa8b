// Names of value types, as TYPE answers and SCAN TYPE takes them.
#pragma once

#include "storage/entry.h"

namespace larder {

inline Bytes type_name(Type type) {
  switch (type) {
    case Type::string: return "string";
  }
  return "none";
}

}  // namespace larder
