#include "storage/value.h"

#include "storage/strings.h"

namespace larder {
namespace {

Bytes object_name(Type type) {
  switch (type) {
    case Type::list: return "quicklist";
    case Type::sorted_set: return "skiplist";
    case Type::stream: return "stream";
    case Type::set:
    case Type::hash:
    case Type::string: break;
  }
  return "hashtable";
}

}  // namespace

Bytes encoding_name(const Entry& entry) {
  switch (entry.encoding()) {
    case Encoding::pack: return "listpack";
    case Encoding::timed_pack: return "listpackex";
    case Encoding::integers: return "intset";
    case Encoding::object: return object_name(entry.type());
    default: return string_encoding_name(entry);
  }
}

}  // namespace larder
