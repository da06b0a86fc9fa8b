// The body of a big set or hash: a table of elements and, of a hash with fields that expire, the
// index of their times.
//
// The index holds places of the table as hints, as the keyspace's does (see expiry_index.h): every
// element with an expiry has a reference that fires at or before it. The keyspace in turn holds a
// reference to the whole hash at earliest_ms() or before.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "storage/element_table.h"
#include "storage/expiry_index.h"
#include "storage/object.h"

namespace larder {

class ElementObject final : public Object {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  // The index's.
  static constexpr int64_t kTickMs = 16;

  explicit ElementObject(Slab& slab) : Object(slab), table_(slab) {}

  size_t elements() const override { return table_.size(); }
  size_t memory_bytes() const override;
  Object* clone(Slab& slab) const override;
  void destroy() override;
  void validate() const override;

  Element* find(Bytes key) { return table_.find(key); }
  // Adds a member without a value that is not there.
  void add(Bytes key) { table_.add(key); }
  // To be called before the first put() with an expiry.
  void start_index(int64_t now_ms);
  // Gives a key a value and an expiry (kNoExpiry: none), whether it is there or not.
  void put(Bytes key, Bytes value, int64_t expiry_ms);
  // Changes the expiry of a key that is there and has a value.
  void set_expiry(Bytes key, int64_t expiry_ms);
  bool remove(Bytes key) { return table_.remove(key); }

  ElementTable& table() { return table_; }
  const ElementTable& table() const { return table_; }

  // Before this time drop_due() finds nothing; at most a tick of the index behind the earliest
  // expiry. kNever when no element has one.
  int64_t earliest_ms() const { return earliest_ms_; }
  // Removes elements whose time has come, looking at up to `budget` references. Returns how many.
  size_t drop_due(int64_t now_ms, size_t budget, std::vector<std::string>* names = nullptr);

 private:
  void watch(Bytes key, int64_t expiry_ms);
  void rebuild_index();
  size_t fire(uint32_t place, int64_t now_ms, std::vector<std::string>* names);

  ElementTable table_;
  ExpiryIndex* index_ = nullptr;  // in the slab too; null: no element ever had an expiry
  int64_t earliest_ms_ = kNever;
};

}  // namespace larder
