#include "server/commands/element_walk.h"

#include "storage/element_object.h"

namespace larder {
namespace {

class ElementWalk : public SlicedRead {
 public:
  ElementWalk(Call& call, const Key& key, Type type, ElementParts parts)
      : SlicedRead(call, {&key, 1}, type), type_(type), parts_(parts) {}

 private:
  void restart() override {
    cursor_ = 0;
    found_.clear();
  }

  bool read(const Slice& slice) override {
    if (!slice.item || slice.item->encoding() != Encoding::object) return false;
    auto& object = *static_cast<ElementObject*>(Keyspace::object_of(*slice.item.entry()));
    cursor_ = object.table().walk(cursor_, [&](const Element* element) {
      if (element->has_expiry() && element->expiry_ms() <= slice.now_ms) return;
      if (parts_ != ElementParts::values) found_.add(element->key());
      if (parts_ != ElementParts::keys) found_.add(element->value());
    });
    return cursor_ != 0;
  }

  void write(ReplyWriter& reply) override {
    if (type_ == Type::set) {
      reply.set(found_.count());
    } else if (parts_ == ElementParts::both) {
      reply.map(found_.count() / 2);
    } else {
      reply.array(found_.count());
    }
    found_.write(reply);
  }

  const Type type_;
  const ElementParts parts_;
  uint64_t cursor_ = 0;
  ReplyPieces found_;
};

}  // namespace

void start_element_walk(Call& call, const Key& key, Type type, ElementParts parts) {
  call.start_task(std::make_unique<ElementWalk>(call, key, type, parts));
}

}  // namespace larder
