// Sorted sets: members with a score each, in the order of (score, member).
//
//   small   a Pack in the entry: | member | score | member | score | ... in order. A score that is
//           a whole number is an integer item, any other one the eight bytes of the double.
//   big     a SortedSetObject: a hash table of the members, each with its score, and a ScoreTree
//           that puts them in order
//
// A set grows from one to the other at its limits and never shrinks back by itself. Everything
// above works on ranks: a range of scores or names is turned into ranks first.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/element_table.h"
#include "storage/keyspace.h"
#include "storage/object.h"
#include "storage/pack.h"
#include "storage/score_tree.h"

namespace larder {

// Until when a set is a pack: `zset-max-listpack-entries`, `zset-max-listpack-value`.
struct SortedSetLimits {
  size_t members = 128;
  size_t member_bytes = 64;
};

struct ScoredMember {
  double score = 0;
  std::string member;
  bool operator<(const ScoredMember& other) const {
    return score < other.score || (score == other.score && member < other.member);
  }
};

// Ranks from .. to - 1.
struct RankRange {
  size_t from = 0;
  size_t to = 0;
  size_t count() const { return to > from ? to - from : 0; }
};

struct ScoreRange {
  double min = 0, max = 0;
  bool min_open = false, max_open = false;  // the bound itself is outside
};

struct NameBound {
  enum class Kind : uint8_t { lowest, highest, at };
  Kind kind = Kind::at;
  Bytes name;
  bool open = false;  // the name itself is outside
};
struct NameRange {
  NameBound min, max;
};

class SortedSetObject final : public Object {
 public:
  explicit SortedSetObject(Slab& slab) : Object(slab), table_(slab), tree_(slab) {}
  ~SortedSetObject() = default;

  std::optional<double> score_of(Bytes member) const {
    const Element* element = table_.find(member);
    if (element == nullptr) return {};
    return score_in(element);
  }
  void put(Bytes member, double score);
  // Asks decide(score, if there is one) for the score of a member; nothing: it stays as it is.
  template <typename Decide>
  void update(Bytes member, Decide decide);
  bool remove(Bytes member);
  void remove(RankRange range);
  const ScoreTree& tree() const { return tree_; }
  ElementTable& table() { return table_; }
  static double score_in(const Element* element) { return load<double>(element->value().data()); }

  size_t elements() const override { return tree_.size(); }
  size_t memory_bytes() const override;
  Object* clone(Slab& slab) const override;
  void destroy() override;
  void validate() const override;

 private:
  void add(Bytes member, double score);
  void change(Element* element, double score);
  void drop(Element* element);

  ElementTable table_;
  ScoreTree tree_;
};

// A pair of a packed set.
struct PackedPair {
  Pack::Item member;
  double score = 0;
  size_t end = 0;  // offset behind the score

  static PackedPair at(const Pack& pack, size_t offset);
};

// Reads a set. Valid until the keyspace changes.
class SortedSetView {
 public:
  // A null item is an empty set.
  explicit SortedSetView(Item item) : entry_(item ? item.entry() : nullptr) {}
  explicit SortedSetView(const Entry& entry) : entry_(&entry) {}

  size_t size() const;
  std::optional<double> score_of(Bytes member) const;
  std::optional<size_t> rank_of(Bytes member) const;
  RankRange ranks(const ScoreRange& range) const;
  RankRange ranks(const NameRange& range) const;
  // Calls visit(member, score) for each of the ranks, the highest first if `reverse`.
  template <typename Visit>
  void each(RankRange ranks, bool reverse, Visit visit) const;
  template <typename Visit>
  void each(Visit visit) const {
    each({0, size()}, false, visit);
  }
  // Null for a pack and for no set.
  SortedSetObject* object() const {
    if (entry_ == nullptr || entry_->encoding() != Encoding::object) return nullptr;
    return static_cast<SortedSetObject*>(Keyspace::object_of(*entry_));
  }

 private:
  Pack pack() const { return Pack(entry_ == nullptr ? Bytes{} : entry_->payload_view()); }
  // How many pairs before(score, member) holds for; `member` is called for the name.
  template <typename Before>
  size_t count_before(Before before) const;
  template <typename Visit>
  void each_in_tree(RankRange ranks, bool reverse, Visit visit) const;
  template <typename Visit>
  void each_in_pack(RankRange ranks, bool reverse, Visit visit) const;

  const Entry* entry_;
};

// Changes the set of a key. finish() must be the last call.
class SortedSetEditor {
 public:
  // `item` is what find gave for the key (may be null).
  SortedSetEditor(Keyspace& keys, const Key& key, Item item, const SortedSetLimits& limits)
      : keys_(keys), key_(key), item_(item), limits_(limits) {}

  // A new set for about so many members, the longest of so many bytes, is made at once in the form
  // it will have.
  void expect(size_t members, size_t member_bytes);
  std::optional<double> score_of(Bytes member) const { return view().score_of(member); }
  // Asks decide(score, if there is one) for the score of a member; nothing: it stays as it is.
  template <typename Decide>
  void update(Bytes member, Decide decide);
  // Adds a member or gives it another score.
  void put(Bytes member, double score);
  // Returns false when it is not there.
  bool remove(Bytes member);
  void remove(RankRange range);
  // Returns true when nothing is left: the key is removed.
  bool finish();
  SortedSetView view() const { return SortedSetView(item_); }

 private:
  void become_object();
  void put_packed(Bytes member, double score);
  bool fits(size_t members, size_t member_bytes) const {
    return members <= limits_.members && member_bytes <= limits_.member_bytes;
  }

  Keyspace& keys_;
  const Key& key_;
  Item item_;
  const SortedSetLimits limits_;
};

// Stores a whole set under a key, whatever was there; it has no expiry. `members` must be in order,
// not empty, no name twice.
Item put_sorted_set(Keyspace& keys, const Key& key, Item item,
                    const std::vector<ScoredMember>& members, const SortedSetLimits& limits);

template <typename Decide>
void SortedSetObject::update(Bytes member, Decide decide) {
  Element* element = table_.find(member);
  const std::optional<double> old =
      element == nullptr ? std::nullopt : std::optional(score_in(element));
  const std::optional<double> score = decide(old);
  if (score) element == nullptr ? add(member, *score) : change(element, *score);
}

template <typename Decide>
void SortedSetEditor::update(Bytes member, Decide decide) {
  if (SortedSetObject* big = view().object()) return big->update(member, decide);
  if (const std::optional<double> score = decide(score_of(member))) put_packed(member, *score);
}

template <typename Visit>
void SortedSetView::each(RankRange ranks, bool reverse, Visit visit) const {
  if (ranks.count() == 0) return;
  object() != nullptr ? each_in_tree(ranks, reverse, visit) : each_in_pack(ranks, reverse, visit);
}

template <typename Visit>
void SortedSetView::each_in_tree(RankRange ranks, bool reverse, Visit visit) const {
  ScoreTree::Cursor at = object()->tree().at(reverse ? ranks.to - 1 : ranks.from);
  for (size_t left = ranks.count(); left > 0; --left) {
    visit(at.element()->key(), at.score());
    reverse ? at.previous() : at.next();
  }
}

template <typename Visit>
void SortedSetView::each_in_pack(RankRange ranks, bool reverse, Visit visit) const {
  const Pack all = pack();
  IntegerText scratch;
  std::vector<size_t> seen;  // packs are read forwards only
  size_t rank = 0;
  for (size_t at = 0; rank < ranks.to && !all.is_end(at); ++rank) {
    const PackedPair pair = PackedPair::at(all, at);
    if (rank >= ranks.from && reverse) seen.push_back(at);
    if (rank >= ranks.from && !reverse) visit(pair.member.bytes(scratch), pair.score);
    at = pair.end;
  }
  for (; !seen.empty(); seen.pop_back()) {
    const PackedPair pair = PackedPair::at(all, seen.back());
    visit(pair.member.bytes(scratch), pair.score);
  }
}

}  // namespace larder
