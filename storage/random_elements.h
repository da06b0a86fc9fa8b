// Random choices among the elements of a collection, without repetition.
#pragma once

#include <cstddef>
#include <unordered_set>

#include "base/random.h"
#include "storage/element_table.h"

namespace larder {

// Chooses `wanted` of `total` in one walk, every subset equally likely: take() is asked once for
// each element. Source: D. Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S.
class Selection {
 public:
  Selection(size_t wanted, size_t total, Random& random)
      : wanted_(wanted), left_(total), random_(random) {}

  bool take() {
    const bool taken = left_ > 0 && random_.below(left_) < wanted_;
    if (left_ > 0) --left_;
    if (taken) --wanted_;
    return taken;
  }

 private:
  size_t wanted_;
  size_t left_;
  Random& random_;
};

// Visits `wanted` different elements of a table, all of it when there are no more. Cost:
// O(wanted), or one walk when that is a good part of the table.
template <typename Visit>
void visit_distinct(ElementTable& table, size_t wanted, Random& random, Visit visit) {
  constexpr size_t kSparse = 3;
  if (wanted > table.size() / kSparse) {
    Selection selection(wanted, table.size(), random);
    table.each([&](const Element* element) {
      if (selection.take()) visit(*element);
    });
    return;
  }
  std::unordered_set<const Element*> seen;
  while (seen.size() < wanted) {
    const Element* element = table.sample(random.next());
    if (seen.insert(element).second) visit(*element);
  }
}

}  // namespace larder
