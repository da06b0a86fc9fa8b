// Searching geo sets: what lies in a circle or a box.
// Source: https://redis.io/docs/latest/commands/geosearch/
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/geo_values.h"

namespace larder {
namespace {

// How a command names what it searches.
struct SearchForm {
  enum class Centre : uint8_t { place, member, option };
  Centre centre = Centre::option;  // option: FROMMEMBER, FROMLONLAT, BYRADIUS, BYBOX
  bool may_store = false;          // STORE and STOREDIST (GEORADIUS)
  bool stores = false;             // GEOSEARCHSTORE
};

enum class Order : uint8_t { none, nearest_first, farthest_first };

struct Search {
  Item source;
  std::optional<Key> target;
  geo::Shape shape;
  double unit = 1;  // metres
  Order order = Order::none;
  size_t count = 0;  // 0: all
  bool any = false;
  bool with_distance = false, with_score = false, with_place = false;
  bool store_distance = false;
  bool from_member = false, from_place = false, by_radius = false, by_box = false;
};

void take_unit(Args& args, Search& search) {
  const auto unit = metres_of(args.bytes());
  if (!unit) args.fail(kBadUnit);
  search.unit = unit.value_or(1);
}

void take_radius(Args& args, Search& search) {
  const double radius = args.number("ERR need numeric radius");
  if (args.ok() && radius < 0) args.fail("ERR radius cannot be negative");
  take_unit(args, search);
  search.shape.is_box = false;
  search.shape.radius = radius * search.unit;
}

void take_box(Args& args, Search& search) {
  const double width = args.number("ERR need numeric width");
  const double height = args.number("ERR need numeric height");
  if (args.ok() && (width < 0 || height < 0)) {
    args.fail("ERR height or width cannot be negative");
  }
  take_unit(args, search);
  search.shape.is_box = true;
  search.shape.width = width * search.unit;
  search.shape.height = height * search.unit;
}

// A source that is not there has no member to start from; the answer is empty then.
void take_member(Args& args, Search& search) {
  const Bytes member = args.bytes();
  if (!args.ok() || !search.source) return;
  const auto place = place_of_member(SortedSetView(search.source), member);
  if (!place) return args.fail("ERR could not decode requested zset member");
  search.shape.centre = *place;
}

// FROMMEMBER, FROMLONLAT, BYRADIUS, BYBOX.
bool take_shape(Args& args, Search& search) {
  if (!search.from_place && args.take_with_value("FROMMEMBER")) {
    search.from_member = true;
    take_member(args, search);
  } else if (!search.from_member && args.left() >= 3 && args.take("FROMLONLAT")) {
    search.from_place = true;
    search.shape.centre = take_place(args);
  } else if (!search.by_box && args.left() >= 3 && args.take("BYRADIUS")) {
    search.by_radius = true;
    take_radius(args, search);
  } else if (!search.by_radius && args.left() >= 4 && args.take("BYBOX")) {
    search.by_box = true;
    take_box(args, search);
  } else {
    return false;
  }
  return true;
}

bool take_store(Args& args, Search& search) {
  const bool distance = args.take_with_value("STOREDIST");
  if (!distance && !args.take_with_value("STORE")) return false;
  search.target = args.key();
  search.store_distance = distance;
  return true;
}

bool take_flag(Args& args, Search& search) {
  if (args.take("WITHDIST"))
    search.with_distance = true;
  else if (args.take("WITHHASH"))
    search.with_score = true;
  else if (args.take("WITHCOORD"))
    search.with_place = true;
  else if (args.take("ANY"))
    search.any = true;
  else if (args.take("ASC"))
    search.order = Order::nearest_first;
  else if (args.take("DESC"))
    search.order = Order::farthest_first;
  else
    return false;
  return true;
}

void take_options(Args& args, Search& search, const SearchForm& form) {
  const bool by_options = form.centre == SearchForm::Centre::option;
  while (args.more()) {
    if (take_flag(args, search)) continue;
    if (args.take_with_value("COUNT")) {
      const int64_t count = args.integer();
      if (args.ok() && count <= 0) args.fail("ERR COUNT must be > 0");
      search.count = static_cast<size_t>(count);
    } else if (form.stores && args.take("STOREDIST")) {
      search.store_distance = true;
    } else if (!(form.may_store && take_store(args, search)) &&
               !(by_options && take_shape(args, search))) {
      args.reject();
    }
  }
}

void check_options(Call& call, Args& args, const Search& search, const SearchForm& form) {
  if (search.target && (search.with_distance || search.with_score || search.with_place)) {
    args.fail(std::string("ERR ") + (form.stores ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS") +
              " is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
  }
  if (form.centre == SearchForm::Centre::option) {
    const std::string behind = " can be specified for " + std::string(call.arg(0));
    if (!search.from_member && !search.from_place) {
      args.fail("ERR exactly one of FROMMEMBER or FROMLONLAT" + behind);
    }
    if (!search.by_radius && !search.by_box) {
      args.fail("ERR exactly one of BYRADIUS and BYBOX" + behind);
    }
  }
  if (search.any && search.count == 0) {
    args.fail("ERR the ANY argument requires COUNT argument");
  }
}

Search parse_search(Call& call, Args& args, const SearchForm& form) {
  Search search;
  if (form.stores) search.target = args.key();
  search.source = call.find_to_read(args.key());
  if (!is_sorted_set(search.source)) args.fail(errors::kWrongType);
  if (form.centre == SearchForm::Centre::place) search.shape.centre = take_place(args);
  if (form.centre == SearchForm::Centre::member) take_member(args, search);
  if (form.centre == SearchForm::Centre::member && !search.source) {
    args.skip();  // Redis does not look at the radius then
    args.skip();
  } else if (form.centre != SearchForm::Centre::option) {
    take_radius(args, search);
  }
  take_options(args, search, form);
  check_options(call, args, search, form);
  // The nearest are meant, unless any will do.
  if (search.count != 0 && search.order == Order::none && !search.any) {
    search.order = Order::nearest_first;
  }
  return search;
}

struct Found {
  std::string member;
  double score;
  double metres;
  geo::Place place;
};

// Looks into one cell; `most` is how many are enough, 0 for all.
void search_cell(const Search& search, const geo::Cell& cell, size_t most,
                 std::vector<Found>& found) {
  const SortedSetView set(search.source);
  const RankRange ranks = set.ranks(ScoreRange{.min = static_cast<double>(cell.from),
                                               .max = static_cast<double>(cell.to),
                                               .max_open = true});
  set.each(ranks, false, [&](Bytes member, double score) {
    if (most != 0 && found.size() >= most) return;
    const geo::Place place = geo::place_of(score);
    double metres = 0;
    if (!search.shape.contains(place, metres)) return;
    found.push_back({std::string(member), score, metres, place});
  });
}

std::vector<Found> search_all(const Search& search) {
  std::vector<Found> found;
  const size_t most = search.any ? search.count : 0;
  const geo::Cell* last = nullptr;
  for (const geo::Cell& cell : geo::cells_of(search.shape)) {
    // Around a huge shape neighbours may be the same cell.
    if (!cell.wanted || (last != nullptr && last->from == cell.from && last->to == cell.to)) {
      continue;
    }
    if (most != 0 && found.size() >= most) break;
    search_cell(search, cell, most, found);
    last = &cell;
  }
  return found;
}

std::vector<Found> results_of(const Search& search) {
  if (!search.source) return {};
  std::vector<Found> found = search_all(search);
  // What is equally far stays in the order of the cells.
  if (search.order == Order::nearest_first) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.metres < b.metres; });
  } else if (search.order == Order::farthest_first) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.metres > b.metres; });
  }
  if (search.count != 0 && search.count < found.size()) {
    found.erase(found.begin() + static_cast<ptrdiff_t>(search.count), found.end());
  }
  return found;
}

void reply_found(ReplyWriter& reply, const Search& search, const std::vector<Found>& found) {
  const size_t facts =
      (search.with_distance ? 1 : 0) + (search.with_score ? 1 : 0) + (search.with_place ? 1 : 0);
  reply.array(found.size());
  for (const Found& each : found) {
    if (facts > 0) reply.array(facts + 1);
    reply.bulk(each.member);
    if (search.with_distance) reply_distance(reply, each.metres / search.unit);
    if (search.with_score) reply.integer(static_cast<int64_t>(each.score));
    if (search.with_place) reply_place(reply, each.place);
  }
}

// Any members would do, so it says which ones they were.
void give_members(Call& call, Bytes target, const std::vector<ScoredMember>& members) {
  std::vector<std::string> scores(members.size());
  std::vector<Bytes> words{"ZADD", target};
  for (size_t i = 0; i < members.size(); ++i) {
    scores[i].resize(kDoubleTextMax);
    scores[i].resize(format_double(members[i].score, scores[i].data()));
    words.push_back(scores[i]);
    words.push_back(members[i].member);
  }
  call.effect({"DEL", target});
  call.effect(words);
}

void store_found(Call& call, const Search& search, const std::vector<Found>& found,
                 const char* event) {
  std::vector<ScoredMember> members;
  for (const Found& each : found) {
    members.push_back(
        {search.store_distance ? each.metres / search.unit : each.score, each.member});
  }
  std::sort(members.begin(), members.end());
  const size_t stored = store_members(call, *search.target, members, event);
  if (stored > 0) call.count_changes(stored);
  if (search.any && stored > 0 && call.wants_effect()) {
    give_members(call, search.target->name, members);
  }
  call.reply().integer(static_cast<int64_t>(stored));
}

Status search(Call& call, const SearchForm& form) {
  Args args(call);
  const Search search = parse_search(call, args, form);
  if (!args.ok()) return args.error();
  const std::vector<Found> found = results_of(search);
  if (search.target) {
    store_found(call, search, found, form.stores ? "geosearchstore" : "georadiusstore");
  } else {
    reply_found(call.reply(), search, found);
  }
  return Status::ok();
}

using Centre = SearchForm::Centre;
Status geosearch(Call& call) { return search(call, {}); }
Status geosearchstore(Call& call) { return search(call, {.stores = true}); }
Status georadius(Call& call) { return search(call, {.centre = Centre::place, .may_store = true}); }
Status georadius_ro(Call& call) { return search(call, {.centre = Centre::place}); }
Status georadiusbymember(Call& call) {
  return search(call, {.centre = Centre::member, .may_store = true});
}
Status georadiusbymember_ro(Call& call) { return search(call, {.centre = Centre::member}); }

constexpr Bytes kComplexity =
    "O(N+log(M)) where N is the number of members in the cells around the centre and M all of them";
constexpr Acl kRead = Acl::read | Acl::geo | Acl::slow;
constexpr Acl kWrite = Acl::write | Acl::geo | Acl::slow;

constexpr KeySpec kStoreDist6 = key_behind("STOREDIST", 6, KeyUse::overwrite_update);
constexpr KeySpec kStore6 = key_behind("STORE", 6, KeyUse::overwrite_update, &kStoreDist6);
constexpr KeySpec kStoreDist5 = key_behind("STOREDIST", 5, KeyUse::overwrite_update);
constexpr KeySpec kStore5 = key_behind("STORE", 5, KeyUse::overwrite_update, &kStoreDist5);

constexpr CommandSpec storing(Bytes name, Bytes syntax, Bytes summary, int arity,
                              const KeySpec& store, Bytes replaced_by, Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = "3.2.0",
          .complexity = kComplexity,
          .group = "geo",
          .arity = arity,
          .flags = Flag::write | Flag::deny_oom | Flag::movable_keys,
          .keys = and_also(key_at(1, KeyUse::read_only_access), store),
          .acl = kWrite,
          .run = run,
          .deprecated_since = "6.2.0",
          .replaced_by = replaced_by};
}
constexpr CommandSpec reading(Bytes name, Bytes syntax, Bytes summary, int arity, Bytes replaced_by,
                              Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = "3.2.10",
          .complexity = kComplexity,
          .group = "geo",
          .arity = arity,
          .flags = Flag::readonly,
          .keys = key_at(1, KeyUse::read_only_access),
          .acl = kRead,
          .run = run,
          .deprecated_since = "6.2.0",
          .replaced_by = replaced_by};
}

constexpr auto kFamily = family({
    {.name = "GEOSEARCH",
     .syntax = "key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | "
               "FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] "
               "[WITHCOORD] [WITHDIST] [WITHHASH]",
     .summary = "Returns the members in a circle or a box.",
     .since = "6.2.0",
     .complexity = kComplexity,
     .group = "geo",
     .arity = at_least(7),
     .flags = Flag::readonly,
     .keys = key_at(1, KeyUse::read_only_access),
     .acl = kRead,
     .run = geosearch},
    {.name = "GEOSEARCHSTORE",
     .syntax = "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS "
               "radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] "
               "[COUNT count [ANY]] [STOREDIST]",
     .summary = "Stores the members in a circle or a box.",
     .since = "6.2.0",
     .complexity = kComplexity,
     .group = "geo",
     .arity = at_least(8),
     .flags = Flag::write | Flag::deny_oom,
     .keys = first_and_others(1, 2, KeyUse::overwrite_update, KeyUse::read_only_access),
     .acl = kWrite,
     .run = geosearchstore},
    storing("GEORADIUS",
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
            "[COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
            "Returns or stores the members in a circle.", at_least(6), kStore6,
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument", georadius),
    storing("GEORADIUSBYMEMBER",
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count "
            "[ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
            "Returns or stores the members in a circle around a member.", at_least(5), kStore5,
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
            georadiusbymember),
    reading("GEORADIUS_RO",
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
            "[COUNT count [ANY]] [ASC | DESC]",
            "Returns the members in a circle.", at_least(6),
            "`GEOSEARCH` with the `BYRADIUS` argument", georadius_ro),
    reading("GEORADIUSBYMEMBER_RO",
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count "
            "[ANY]] [ASC | DESC]",
            "Returns the members in a circle around a member.", at_least(5),
            "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments", georadiusbymember_ro),
});

}  // namespace

std::span<const CommandSpec> geo_search_commands() { return kFamily; }

}  // namespace larder
