#include "storage/value.h"

#include "storage/keyspace.h"
#include "storage/list.h"
#include "storage/strings.h"

namespace larder {
namespace {

Bytes object_name(const Entry& entry) {
  switch (entry.type()) {
    case Type::list:
      return static_cast<const List&>(*Keyspace::object_of(entry)).is_quicklist() ? "quicklist"
                                                                                  : "listpack";
    case Type::sorted_set:
      return "skiplist";
    case Type::stream:
      return "stream";
    case Type::set:
    case Type::hash:
    case Type::string:
      break;
  }
  return "hashtable";
}

}  // namespace

Bytes encoding_name(const Entry& entry) {
  switch (entry.encoding()) {
    case Encoding::pack:
      return "listpack";
    case Encoding::timed_pack:
      return "listpackex";
    case Encoding::integers:
      return "intset";
    case Encoding::object:
      return object_name(entry);
    default:
      return string_encoding_name(entry);
  }
}

}  // namespace larder
