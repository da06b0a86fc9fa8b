#include "storage/score_tree.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace larder {
namespace {

// Nodes with less than this share of their room look for a neighbour to merge with.
constexpr unsigned kThinShare = 3;

template <typename T>
void shift_up(T* items, unsigned at, unsigned count) {
  std::copy_backward(items + at, items + count, items + count + 1);
}

template <typename T>
void shift_down(T* items, unsigned at, unsigned count) {
  std::copy(items + at + 1, items + count, items + at);
}

}  // namespace

ScoreTree::Leaf* ScoreTree::make_leaf() {
  auto* leaf = static_cast<Leaf*>(slab_.allocate(sizeof(Leaf)));
  leaf->count = leaf->height = 0;
  leaf->next = leaf->previous = nullptr;
  ++leaves_;
  return leaf;
}

ScoreTree::Inner* ScoreTree::make_inner(uint32_t height) {
  auto* inner = static_cast<Inner*>(slab_.allocate(sizeof(Inner)));
  inner->count = 0;
  inner->height = height;
  ++inners_;
  return inner;
}

void ScoreTree::release(Node* node) {
  if (node->height > 0) {
    --inners_;
    return slab_.release(node, sizeof(Inner));
  }
  Leaf& leaf = leaf_of(node);
  if (leaf.next != nullptr) leaf.next->previous = leaf.previous;
  if (leaf.previous != nullptr) leaf.previous->next = leaf.next;
  --leaves_;
  slab_.release(node, sizeof(Leaf));
}

void ScoreTree::release_below(Node* node) {
  if (node->height > 0) {
    const Inner& inner = inner_of(node);
    for (unsigned i = 0; i < inner.count; ++i) release_below(inner.children[i]);
  }
  release(node);
}

void ScoreTree::release_nodes() {
  if (root_ != nullptr) release_below(root_);
  root_ = nullptr;
  size_ = 0;
}

unsigned ScoreTree::branch_of(const Inner& inner, double score, Bytes member) {
  const unsigned behind = position(inner, [&](double first, const Element* element) {
    return first < score || (first == score && element->key() <= member);
  });
  return behind == 0 ? 0 : behind - 1;
}

size_t ScoreTree::size_of(const Node* node) {
  if (node->height == 0) return node->count;
  const Inner& inner = inner_of(node);
  return std::accumulate(inner.sizes, inner.sizes + inner.count, size_t{0});
}

bool ScoreTree::at_right_edge(const Node* node) {
  while (node->height > 0) node = inner_of(node).children[node->count - 1];
  return leaf_of(node).next == nullptr;
}

void ScoreTree::refresh_first(Inner& inner, unsigned at) {
  const Node* child = inner.children[at];
  inner.scores[at] = child->height == 0 ? leaf_of(child).scores[0] : inner_of(child).scores[0];
  inner.elements[at] =
      child->height == 0 ? leaf_of(child).elements[0] : inner_of(child).elements[0];
}

void ScoreTree::refresh(Inner& inner, unsigned at) {
  refresh_first(inner, at);
  inner.sizes[at] = size_of(inner.children[at]);
}

void ScoreTree::open_gap(Inner& inner, unsigned at) {
  shift_up(inner.scores, at, inner.count);
  shift_up(inner.elements, at, inner.count);
  shift_up(inner.children, at, inner.count);
  shift_up(inner.sizes, at, inner.count);
  ++inner.count;
}

void ScoreTree::close_gap(Inner& inner, unsigned at) {
  shift_down(inner.scores, at, inner.count);
  shift_down(inner.elements, at, inner.count);
  shift_down(inner.children, at, inner.count);
  shift_down(inner.sizes, at, inner.count);
  --inner.count;
}

void ScoreTree::put_pair(Leaf& leaf, unsigned at, double score, Element* element) {
  shift_up(leaf.scores, at, leaf.count);
  shift_up(leaf.elements, at, leaf.count);
  leaf.scores[at] = score;
  leaf.elements[at] = element;
  ++leaf.count;
}

// Appends what `from` has from `at` on to `to`.
void ScoreTree::move_tail(Leaf& from, unsigned at, Leaf& to) {
  std::copy(from.scores + at, from.scores + from.count, to.scores + to.count);
  std::copy(from.elements + at, from.elements + from.count, to.elements + to.count);
  to.count += from.count - at;
  from.count = at;
}

void ScoreTree::move_tail(Inner& from, unsigned at, Inner& to) {
  std::copy(from.scores + at, from.scores + from.count, to.scores + to.count);
  std::copy(from.elements + at, from.elements + from.count, to.elements + to.count);
  std::copy(from.children + at, from.children + from.count, to.children + to.count);
  std::copy(from.sizes + at, from.sizes + from.count, to.sizes + to.count);
  to.count += from.count - at;
  from.count = at;
}

void ScoreTree::insert(double score, Element* element) {
  ++size_;
  if (root_ == nullptr) root_ = make_leaf();
  Node* right = insert_below(root_, score, element);
  if (right == nullptr) return;
  Inner* root = make_inner(root_->height + 1);
  root->count = 2;
  root->children[0] = root_;
  root->children[1] = right;
  refresh(*root, 0);
  refresh(*root, 1);
  root_ = root;
}

// Returns the new right neighbour of a node that was split.
ScoreTree::Node* ScoreTree::insert_below(Node* node, double score, Element* element) {
  if (node->height == 0) return insert_into(leaf_of(node), score, element);
  Inner& inner = inner_of(node);
  const unsigned at = branch_of(inner, score, element->key());
  Node* right = insert_below(inner.children[at], score, element);
  if (right != nullptr) {
    refresh(inner, at);
    return add_branch(inner, at + 1, right);
  }
  ++inner.sizes[at];
  refresh_first(inner, at);
  return nullptr;
}

ScoreTree::Node* ScoreTree::insert_into(Leaf& leaf, double score, Element* element) {
  const Bytes member = element->key();
  const unsigned at = position(leaf, [&](double other, const Element* there) {
    return is_less(other, there, score, member);
  });
  if (leaf.count < kLeafMax) {
    put_pair(leaf, at, score, element);
    return nullptr;
  }
  Leaf* right = make_leaf();
  right->previous = &leaf;
  right->next = leaf.next;
  if (leaf.next != nullptr) leaf.next->previous = right;
  leaf.next = right;
  const unsigned keep = at == kLeafMax && right->next == nullptr ? kLeafMax : kLeafMax / 2;
  move_tail(leaf, keep, *right);
  const bool into_left = at <= keep && keep < kLeafMax;
  into_left ? put_pair(leaf, at, score, element) : put_pair(*right, at - keep, score, element);
  return right;
}

ScoreTree::Node* ScoreTree::add_branch(Inner& inner, unsigned at, Node* child) {
  Inner* target = &inner;
  Inner* right = nullptr;
  if (inner.count == kBranchesMax) {
    right = make_inner(inner.height);
    const unsigned keep =
        at == kBranchesMax && at_right_edge(child) ? kBranchesMax : kBranchesMax / 2;
    move_tail(inner, keep, *right);
    if (at > keep || keep == kBranchesMax) {
      target = right;
      at -= keep;
    }
  }
  open_gap(*target, at);
  target->children[at] = child;
  refresh(*target, at);
  return right;
}

void ScoreTree::remove(double score, Element* element) {
  DCHECK(size_ > 0);
  --size_;
  remove_below(root_, score, element);
  while (root_ != nullptr && root_->count <= 1) {
    Node* old = root_;
    if (old->count == 0) {
      root_ = nullptr;
    } else if (old->height > 0) {
      root_ = inner_of(old).children[0];
    } else {
      return;
    }
    release(old);
  }
}

void ScoreTree::remove_below(Node* node, double score, Element* element) {
  if (node->height > 0) {
    Inner& inner = inner_of(node);
    const unsigned at = branch_of(inner, score, element->key());
    remove_below(inner.children[at], score, element);
    return merge_or_refresh(inner, at);
  }
  Leaf& leaf = leaf_of(node);
  const Bytes member = element->key();
  const unsigned at = position(leaf, [&](double other, const Element* there) {
    return is_less(other, there, score, member);
  });
  DCHECK(at < leaf.count && leaf.elements[at] == element);
  shift_down(leaf.scores, at, leaf.count);
  shift_down(leaf.elements, at, leaf.count);
  --leaf.count;
}

// A child lost something.
void ScoreTree::merge_or_refresh(Inner& inner, unsigned at) {
  Node* child = inner.children[at];
  const unsigned room = child->height == 0 ? kLeafMax : kBranchesMax;
  if (child->count < room / kThinShare) {
    if (at + 1 < inner.count && try_merge(inner, at)) return;
    if (at > 0 && try_merge(inner, at - 1)) return;
    if (child->count == 0) {
      release(child);
      return close_gap(inner, at);
    }
    return refresh(inner, at);
  }
  --inner.sizes[at];
  refresh_first(inner, at);
}

// Merges the children at `left` and behind it, when one node holds both.
bool ScoreTree::try_merge(Inner& inner, unsigned left) {
  Node* to = inner.children[left];
  Node* from = inner.children[left + 1];
  const unsigned room = to->height == 0 ? kLeafMax : kBranchesMax;
  if (to->count + from->count > room) return false;
  to->height == 0 ? move_tail(leaf_of(from), 0, leaf_of(to))
                  : move_tail(inner_of(from), 0, inner_of(to));
  release(from);
  close_gap(inner, left + 1);
  refresh(inner, left);
  return true;
}

ScoreTree::Cursor ScoreTree::at(size_t rank) const {
  if (rank >= size_) return {};
  const Node* node = root_;
  while (node->height > 0) {
    const Inner& inner = inner_of(node);
    unsigned i = 0;
    for (; rank >= inner.sizes[i]; ++i) rank -= inner.sizes[i];
    node = inner.children[i];
  }
  return {&leaf_of(node), static_cast<unsigned>(rank)};
}

// Returns the number of elements below; `last` is the leaf visited before.
size_t ScoreTree::validate_below(const Node* node, const Leaf*& last) const {
  CHECK(node->count > 0);
  if (node->height == 0) {
    const Leaf& leaf = leaf_of(node);
    CHECK(leaf.count <= kLeafMax && leaf.previous == last);
    CHECK(last == nullptr || last->next == &leaf);
    for (unsigned i = 0; i < leaf.count; ++i) {
      const bool first = i == 0;
      if (first && last == nullptr) continue;
      const Leaf& before = first ? *last : leaf;
      const unsigned k = first ? last->count - 1 : i - 1;
      CHECK(is_less(before.scores[k], before.elements[k], leaf.scores[i], leaf.elements[i]->key()));
    }
    last = &leaf;
    return leaf.count;
  }
  const Inner& inner = inner_of(node);
  CHECK(inner.count <= kBranchesMax);
  size_t total = 0;
  for (unsigned i = 0; i < inner.count; ++i) {
    const Node* child = inner.children[i];
    CHECK(child->height + 1 == inner.height);
    CHECK(inner.sizes[i] == validate_below(child, last));
    CHECK(inner.elements[i] ==
          (child->height == 0 ? leaf_of(child).elements[0] : inner_of(child).elements[0]));
    total += inner.sizes[i];
  }
  return total;
}

void ScoreTree::validate() const {
  const Leaf* last = nullptr;
  CHECK((root_ == nullptr ? 0 : validate_below(root_, last)) == size_);
  CHECK(last == nullptr || last->next == nullptr);
}

}  // namespace larder
