// Members of a big sorted set in the order of (score, member), with ranks: a B+ tree whose inner
// nodes count what is below them. The hash table beside it finds a member's element by name.
//
//   leaf, 1024 bytes:
//   | count 4 | height 4 | next 8 | previous 8 | - 8 | 62 scores | 62 Element* |
//   inner node, 2048 bytes:
//   | count 4 | height 4 | - 24 | 63 first scores | 63 first Element* | 63 children | 63 sizes |
//
//   first   the smallest pair below a child, kept exact: it points at a living element
//   size    elements below a child, so that a rank is found on the way down
//
// Scores that rise, the usual way to fill a leaderboard or a queue, leave full leaves behind: a
// leaf at the right edge is not split but followed by a new one. A node that lost two thirds of its
// content is merged with a neighbour when both fit into one, so nothing is ever borrowed.
// It is not a skip list: a million members are four nodes deep instead of twenty pointers.
// Source: D. Comer, "The Ubiquitous B-Tree", ACM Computing Surveys 1979; ranks: D. Knuth, "The Art
// of Computer Programming", vol. 3, 6.2.3.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "storage/element.h"
#include "storage/slab.h"

namespace larder {

class ScoreTree {
 public:
  static constexpr unsigned kLeafMax = 62;
  static constexpr unsigned kBranchesMax = 63;

 private:
  struct Node {
    uint32_t count;   // pairs or branches
    uint32_t height;  // 0: a leaf
  };
  struct Leaf : Node {
    Leaf* next;
    Leaf* previous;
    uint64_t unused;
    double scores[kLeafMax];
    Element* elements[kLeafMax];
  };
  struct Inner : Node {
    uint64_t unused[3];
    double scores[kBranchesMax];
    Element* elements[kBranchesMax];
    Node* children[kBranchesMax];
    size_t sizes[kBranchesMax];
  };
  static_assert(sizeof(Leaf) == 1024 && sizeof(Inner) == 2048);

 public:
  // A position in the order, or behind either end. Valid until the tree changes.
  class Cursor {
   public:
    Cursor() = default;
    explicit operator bool() const { return leaf_ != nullptr; }
    double score() const { return leaf_->scores[at_]; }
    Element* element() const { return leaf_->elements[at_]; }
    void next() {
      if (++at_ == leaf_->count) *this = Cursor(leaf_->next, 0);
    }
    void previous() {
      if (at_-- > 0) return;
      const Leaf* before = leaf_->previous;
      *this = Cursor(before, before == nullptr ? 0 : before->count - 1);
    }

   private:
    friend class ScoreTree;
    Cursor(const Leaf* leaf, unsigned at) : leaf_(leaf), at_(at) {}

    const Leaf* leaf_ = nullptr;
    unsigned at_ = 0;
  };

  explicit ScoreTree(Slab& slab) : slab_(slab) {}
  ScoreTree(const ScoreTree&) = delete;
  ScoreTree& operator=(const ScoreTree&) = delete;

  size_t size() const { return size_; }
  // The pair must not be there. The element is referred to, not owned.
  void insert(double score, Element* element);
  // The pair must be there.
  void remove(double score, Element* element);

  // How many pairs from the start on `before(score, element)` holds for; it must hold for all of
  // these and for none behind. Cost: O(log N).
  template <typename Before>
  size_t count_before(Before before) const;
  size_t rank_of(double score, Bytes member) const {
    return count_before([&](double other, const Element* element) {
      return is_less(other, element, score, member);
    });
  }
  // The pair of a rank from 0 on; behind the end when there is none.
  Cursor at(size_t rank) const;

  // Frees all nodes; the elements are somebody else's.
  void release_nodes();
  size_t memory_bytes() const {
    return leaves_ * Slab::usable(sizeof(Leaf)) + inners_ * Slab::usable(sizeof(Inner));
  }
  void validate() const;

 private:
  static bool is_less(double a, const Element* element, double b, Bytes member) {
    return a < b || (a == b && element->key() < member);
  }
  static Leaf& leaf_of(Node* node) { return *static_cast<Leaf*>(node); }
  static Inner& inner_of(Node* node) { return *static_cast<Inner*>(node); }
  static const Leaf& leaf_of(const Node* node) { return *static_cast<const Leaf*>(node); }
  static const Inner& inner_of(const Node* node) { return *static_cast<const Inner*>(node); }

  // How many of a node's first pairs `before` holds for.
  template <typename AnyNode, typename Before>
  static unsigned position(const AnyNode& node, Before before);
  static unsigned branch_of(const Inner& inner, double score, Bytes member);
  static size_t size_of(const Node* node);
  static bool at_right_edge(const Node* node);
  static void refresh(Inner& inner, unsigned at);
  static void refresh_first(Inner& inner, unsigned at);
  static void open_gap(Inner& inner, unsigned at);
  static void close_gap(Inner& inner, unsigned at);
  static void put_pair(Leaf& leaf, unsigned at, double score, Element* element);
  static void move_tail(Leaf& from, unsigned at, Leaf& to);
  static void move_tail(Inner& from, unsigned at, Inner& to);

  Leaf* make_leaf();
  Inner* make_inner(uint32_t height);
  void release(Node* node);
  void release_below(Node* node);
  Node* insert_below(Node* node, double score, Element* element);
  Node* insert_into(Leaf& leaf, double score, Element* element);
  Node* add_branch(Inner& inner, unsigned at, Node* child);
  void remove_below(Node* node, double score, Element* element);
  void merge_or_refresh(Inner& inner, unsigned at);
  bool try_merge(Inner& inner, unsigned left);
  size_t validate_below(const Node* node, const Leaf*& last) const;

  Slab& slab_;
  Node* root_ = nullptr;
  size_t size_ = 0;
  size_t leaves_ = 0;
  size_t inners_ = 0;
};

template <typename AnyNode, typename Before>
unsigned ScoreTree::position(const AnyNode& node, Before before) {
  unsigned low = 0;
  unsigned high = node.count;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    before(node.scores[middle], node.elements[middle]) ? low = middle + 1 : high = middle;
  }
  return low;
}

template <typename Before>
size_t ScoreTree::count_before(Before before) const {
  if (root_ == nullptr) return 0;
  size_t count = 0;
  const Node* node = root_;
  while (node->height > 0) {
    const Inner& inner = inner_of(node);
    const unsigned holds = position(inner, before);
    const unsigned at = holds == 0 ? 0 : holds - 1;
    for (unsigned i = 0; i < at; ++i) count += inner.sizes[i];
    node = inner.children[at];
  }
  return count + position(leaf_of(node), before);
}

}  // namespace larder
