// A value that is too big for its entry: the entry's payload is a pointer to it. Big sets, hashes
// and sorted sets, and all lists and streams, are objects.
//
// Everything an object consists of, itself included, lives in one slab: its keyspace's as long as
// it has up to kSharedSlabElements elements, one of its own from then on.
//
//   small object   in the keyspace's slab    freed element by element, cheap as it is small
//   large object   in a slab of its own      freed page by page by the reclaimer, off the hot path;
//                                            RENAME and MOVE hand the slab over
//
// So no command ever pays for the size of what it removes or moves.
#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/garbage.h"
#include "storage/slab.h"

namespace larder {

class Object {
 public:
  // Objects up to this many elements share the keyspace's slab. Moving one to a
  // slab of its own, or freeing it, takes about a millisecond at this size.
  static constexpr size_t kSharedSlabElements = 8192;

  Slab& slab() const { return slab_; }

  virtual size_t elements() const = 0;
  // What the object takes of its slab. Cost: up to O(N) when it shares one.
  virtual size_t memory_bytes() const = 0;
  // A copy that lives in `slab`.
  virtual Object* clone(Slab& slab) const = 0;
  // Returns all memory to the slab, the object's own too.
  virtual void destroy() = 0;
  // Walks every invariant; ends the process on the first that is broken. For
  // tests.
  virtual void validate() const {}

 protected:
  explicit Object(Slab& slab) : slab_(slab) {}
  ~Object() = default;  // by destroy() only

  // destroy() of T: parts that hold memory are released by T's destructor.
  template <typename T>
  static void destroy_as(T* object) {
    Slab& slab = object->slab();
    object->~T();
    slab.release(object, sizeof(T));
  }

 private:
  Slab& slab_;
};

// Makes an object in a slab. T's constructor takes the slab first.
template <typename T, typename... Args>
T* make_object(Slab& slab, Args&&... args) {
  return new (slab.allocate(sizeof(T))) T(slab, static_cast<Args&&>(args)...);
}

// A large object on its way to the reclaimer, with the slab it lives in.
class ObjectGarbage : public Garbage {
 public:
  explicit ObjectGarbage(Slab* slab) : slab_(slab) {}
  ~ObjectGarbage() override { delete slab_; }
  size_t bytes() const override { return slab_->used_bytes(); }

 private:
  Slab* slab_;
};

}  // namespace larder
