#include "storage/sorted_sets.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace larder {
namespace {

Bytes bytes_of(const double& score) {
  return {reinterpret_cast<const char*>(&score), sizeof score};
}

// Whole numbers up to 2^62 are integers. A -0 becomes 0, as in Redis's small sets.
bool is_whole(double score) {
  constexpr double kMax = 4611686018427387904.0;
  return std::fabs(score) < kMax && score == std::trunc(score);
}

void append_pair(std::string& out, Bytes member, double score) {
  Pack::append(out, member);
  is_whole(score) ? Pack::append_integer(out, static_cast<int64_t>(score))
                  : Pack::append_raw(out, bytes_of(score));
}

bool is_before(const NameBound& min, Bytes member) {
  return member < min.name || (min.open && member == min.name);
}

bool is_up_to(const NameBound& max, Bytes member) {
  return member < max.name || (!max.open && member == max.name);
}

// Where a member stands in a pack, where a pair belongs, how many there are.
struct Places {
  std::optional<PackedPair> found;
  size_t rank = 0;       // of the found pair
  size_t insert_at = 0;  // offset behind all pairs that are less, the found one left out
  size_t pairs = 0;
};

Places find_places(const Pack& pack, Bytes member, double score) {
  Places places;
  const auto form = Pack::form_of(member);
  IntegerText scratch;
  for (size_t at = 0; !pack.is_end(at); ++places.pairs) {
    const PackedPair pair = PackedPair::at(pack, at);
    at = pair.end;
    if (!places.found && pair.member.equals(form)) {
      places.found = pair;
      places.rank = places.pairs;
    } else if (pair.score < score || (pair.score == score && pair.member.bytes(scratch) < member)) {
      places.insert_at = at;
    }
  }
  return places;
}

}  // namespace

PackedPair PackedPair::at(const Pack& pack, size_t offset) {
  PackedPair pair;
  pair.member = pack.at(offset);
  const Pack::Item score = pack.at(pair.member.end());
  pair.score =
      score.is_integer ? static_cast<double>(score.integer) : load<double>(score.string.data());
  pair.end = score.end();
  return pair;
}

void SortedSetObject::add(Bytes member, double score) {
  tree_.insert(score, table_.add(member, bytes_of(score)));
}

void SortedSetObject::put(Bytes member, double score) {
  update(member, [score](std::optional<double>) { return score; });
}

void SortedSetObject::change(Element* element, double score) {
  tree_.remove(score_in(element), element);
  store(element->value_data(), score);
  tree_.insert(score, element);
}

void SortedSetObject::drop(Element* element) {
  tree_.remove(score_in(element), element);
  table_.remove(element->key());
}

bool SortedSetObject::remove(Bytes member) {
  Element* element = table_.find(member);
  if (element == nullptr) return false;
  drop(element);
  return true;
}

void SortedSetObject::remove(RankRange range) {
  for (size_t left = range.count(); left > 0; --left) drop(tree_.at(range.from).element());
}

size_t SortedSetObject::memory_bytes() const {
  return Slab::usable(sizeof(*this)) + table_.memory_bytes() + tree_.memory_bytes();
}

Object* SortedSetObject::clone(Slab& slab) const {
  auto* copy = make_object<SortedSetObject>(slab);
  for (ScoreTree::Cursor at = tree_.at(0); at; at.next())
    copy->add(at.element()->key(), at.score());
  return copy;
}

void SortedSetObject::destroy() {
  tree_.release_nodes();
  table_.release_elements();
  destroy_as(this);
}

void SortedSetObject::validate() const {
  table_.validate();
  tree_.validate();
  CHECK(table_.size() == tree_.size());
  for (ScoreTree::Cursor at = tree_.at(0); at; at.next()) {
    CHECK(table_.find(at.element()->key()) == at.element());
    CHECK(score_in(at.element()) == at.score());
  }
}

size_t SortedSetView::size() const {
  const SortedSetObject* big = object();
  return big != nullptr ? big->elements() : pack().count() / 2;
}

std::optional<double> SortedSetView::score_of(Bytes member) const {
  if (const SortedSetObject* big = object()) return big->score_of(member);
  const Pack all = pack();
  const auto found = all.find(member, 2);
  if (!found) return {};
  return PackedPair::at(all, found->at).score;
}

std::optional<size_t> SortedSetView::rank_of(Bytes member) const {
  if (const SortedSetObject* big = object()) {
    const auto score = big->score_of(member);
    if (!score) return {};
    return big->tree().rank_of(*score, member);
  }
  const Places places = find_places(pack(), member, 0);
  if (!places.found) return {};
  return places.rank;
}

template <typename Before>
size_t SortedSetView::count_before(Before before) const {
  if (const SortedSetObject* big = object()) {
    return big->tree().count_before([&](double score, const Element* element) {
      return before(score, [element] { return element->key(); });
    });
  }
  const Pack all = pack();
  IntegerText scratch;
  size_t count = 0;
  for (size_t at = 0; !all.is_end(at); ++count) {
    const PackedPair pair = PackedPair::at(all, at);
    if (!before(pair.score, [&] { return pair.member.bytes(scratch); })) break;
    at = pair.end;
  }
  return count;
}

RankRange SortedSetView::ranks(const ScoreRange& range) const {
  const size_t from = count_before([&](double score, auto&&) {
    return score < range.min || (range.min_open && score == range.min);
  });
  const size_t to = count_before([&](double score, auto&&) {
    return score < range.max || (!range.max_open && score == range.max);
  });
  return {from, std::max(from, to)};
}

RankRange SortedSetView::ranks(const NameRange& range) const {
  using Kind = NameBound::Kind;
  const auto rank = [&](const NameBound& bound, auto before) {
    if (bound.kind == Kind::lowest) return size_t{0};
    if (bound.kind == Kind::highest) return size();
    return count_before([&](double, auto&& member) { return before(bound, member()); });
  };
  const size_t from = rank(range.min, is_before);
  return {from, std::max(from, rank(range.max, is_up_to))};
}

void SortedSetEditor::expect(size_t members, size_t member_bytes) {
  if (!item_ && !fits(members, member_bytes)) {
    item_ = keys_.put_object(key_, item_, Type::sorted_set,
                             make_object<SortedSetObject>(keys_.slab()), kNoExpiry);
  }
}

void SortedSetEditor::put(Bytes member, double score) {
  if (SortedSetObject* big = view().object()) return big->put(member, score);
  put_packed(member, score);
}

void SortedSetEditor::put_packed(Bytes member, double score) {
  if (!item_) {
    expect(1, member.size());
    if (SortedSetObject* big = view().object()) return big->put(member, score);
    std::string bytes;
    append_pair(bytes, member, score);
    item_ = keys_.put(key_, item_, {.type = Type::sorted_set, .encoding = Encoding::pack}, bytes);
    return;
  }
  Places places = find_places(Pack(item_->payload_view()), member, score);
  if (!places.found && !fits(places.pairs + 1, member.size())) {
    become_object();
    return view().object()->put(member, score);
  }
  if (places.found) {
    const size_t at = places.found->member.at;
    const size_t bytes = places.found->end - at;
    item_ = keys_.splice(item_, at, bytes, {});
    if (places.insert_at > at) places.insert_at -= bytes;
  }
  std::string bytes;
  append_pair(bytes, member, score);
  item_ = keys_.splice(item_, places.insert_at, 0, bytes);
}

void SortedSetEditor::become_object() {
  auto* big = make_object<SortedSetObject>(keys_.slab());
  view().each([&](Bytes member, double score) { big->put(member, score); });
  item_ = keys_.put_object(key_, item_, Type::sorted_set, big, item_->expiry_ms());
}

bool SortedSetEditor::remove(Bytes member) {
  if (SortedSetObject* big = view().object()) return big->remove(member);
  if (!item_) return false;
  const Pack pack(item_->payload_view());
  const auto found = pack.find(member, 2);
  if (!found) return false;
  const PackedPair pair = PackedPair::at(pack, found->at);
  item_ = keys_.splice(item_, found->at, pair.end - found->at, {});
  return true;
}

void SortedSetEditor::remove(RankRange range) {
  if (range.count() == 0) return;
  if (SortedSetObject* big = view().object()) {
    if (range.count() < big->elements()) return big->remove(range);
    keys_.remove(item_);  // at once: a large one is freed behind the scenes
    item_ = {};
    return;
  }
  const Pack pack(item_->payload_view());
  size_t from = 0;
  size_t rank = 0;
  for (; rank < range.from; ++rank) from = PackedPair::at(pack, from).end;
  size_t to = from;
  for (; rank < range.to; ++rank) to = PackedPair::at(pack, to).end;
  item_ = keys_.splice(item_, from, to - from, {});
}

bool SortedSetEditor::finish() {
  if (!item_) return true;
  if (const SortedSetObject* big = view().object()) {
    if (big->elements() > 0) {
      keys_.grown(item_);
      return false;
    }
  } else if (item_->payload_bytes() > 0) {
    return false;
  }
  keys_.remove(item_);
  item_ = {};
  return true;
}

Item put_sorted_set(Keyspace& keys, const Key& key, Item item,
                    const std::vector<ScoredMember>& members, const SortedSetLimits& limits) {
  size_t longest = 0;
  for (const ScoredMember& each : members) longest = std::max(longest, each.member.size());
  if (members.size() <= limits.members && longest <= limits.member_bytes) {
    std::string bytes;
    for (const ScoredMember& each : members) append_pair(bytes, each.member, each.score);
    return keys.put(key, item, {.type = Type::sorted_set, .encoding = Encoding::pack}, bytes);
  }
  auto* big = make_object<SortedSetObject>(keys.slab());
  for (const ScoredMember& each : members) big->put(each.member, each.score);
  item = keys.put_object(key, item, Type::sorted_set, big, kNoExpiry);
  keys.grown(item);
  return item;
}

}  // namespace larder
