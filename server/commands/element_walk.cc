#include "server/commands/element_walk.h"

#include <string>

#include "base/clock.h"
#include "server/commands/reply_pieces.h"
#include "storage/shard_lock.h"

namespace larder {
namespace {

// How long a walk may keep its worker busy before others have their turn.
constexpr int64_t kSliceUs = 50;

class ElementWalk : public Task {
 public:
  ElementWalk(Store& store, unsigned db, const Key& key, Type type, ElementParts parts)
      : store_(store), db_(db), name_(key.name), hash_(key.hash), type_(type), parts_(parts) {}

  bool walks_store() const override { return true; }
  Progress step(ReplyWriter& reply, int64_t now_ms) override {
    const int64_t end_us = steady_us() + kSliceUs;
    do {
      if (!visit_segment(now_ms)) return Progress::again;
      if (cursor_ != 0 && steady_us() >= end_us) return Progress::again;
    } while (cursor_ != 0);
    write_header(reply);
    found_.write(reply);
    return Progress::done;
  }

 private:
  // False when a script holds the shard.
  bool visit_segment(int64_t now_ms) {
    const unsigned index = store_.shard_index(hash_);
    Shard& shard = store_.shard(index);
    const ShardLock lock(shard, index);  // EXEC and scripts hold it already
    if (!lock) return false;
    Keyspace* keys = shard.find_keyspace(db_);
    const Item item = keys == nullptr ? Item{} : keys->find({name_, hash_});
    const bool there = item && !item->expired(now_ms) && item->type() == type_ &&
                       item->encoding() == Encoding::object;
    if (!there) {
      cursor_ = 0;
      return true;
    }
    auto& object = *static_cast<ElementObject*>(Keyspace::object_of(*item.entry()));
    cursor_ = object.table().walk(cursor_, [&](const Element* element) {
      if (element->has_expiry() && element->expiry_ms() <= now_ms) return;
      if (parts_ != ElementParts::values) found_.add(element->key());
      if (parts_ != ElementParts::keys) found_.add(element->value());
    });
    return true;
  }

  void write_header(ReplyWriter& reply) const {
    if (type_ == Type::set) return reply.set(found_.count());
    if (parts_ == ElementParts::both) return reply.map(found_.count() / 2);
    reply.array(found_.count());
  }

  Store& store_;
  const unsigned db_;
  const std::string name_;
  const uint64_t hash_;
  const Type type_;
  const ElementParts parts_;
  uint64_t cursor_ = 0;
  ReplyPieces found_;
};

}  // namespace

void start_element_walk(Call& call, const Key& key, Type type, ElementParts parts) {
  call.start_task(
      std::make_unique<ElementWalk>(call.store(), call.session().db, key, type, parts));
}

}  // namespace larder
