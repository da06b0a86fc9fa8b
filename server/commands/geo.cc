// Geo sets: sorted sets whose scores are places on earth. Searching them is in geo_search.cc.
// Source: https://redis.io/docs/latest/commands/?group=geo
#include <array>
#include <cstdio>
#include <vector>

#include "base/numbers.h"
#include "server/commands/families.h"
#include "server/commands/geo_values.h"

namespace larder {

std::optional<double> metres_of(Bytes unit) {
  struct Unit {
    Bytes name;
    double metres;
  };
  constexpr std::array<Unit, 4> kUnits{{{"M", 1}, {"KM", 1000}, {"FT", 0.3048}, {"MI", 1609.34}}};
  for (const Unit& each : kUnits) {
    if (equals_upper(unit, each.name)) return each.metres;
  }
  return {};
}

geo::Place take_place(Args& args) {
  const double longitude = args.number();
  const geo::Place place{longitude, args.number()};
  if (args.ok() && !geo::is_valid(place)) {
    char text[1024];  // DBL_MAX has 309 digits
    std::snprintf(text, sizeof text, "ERR invalid longitude,latitude pair %f,%f", place.longitude,
                  place.latitude);
    args.fail(std::string(text));
  }
  return place;
}

std::optional<geo::Place> place_of_member(const SortedSetView& set, Bytes member) {
  const auto score = set.score_of(member);
  if (!score) return {};
  return geo::place_of(*score);
}

void reply_distance(ReplyWriter& reply, double distance) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%.4f", distance);
  reply.bulk({text, static_cast<size_t>(size)});
}

void reply_place(ReplyWriter& reply, const geo::Place& place) {
  reply.array(2);
  reply.number_text(format_long_double(place.longitude));
  reply.number_text(format_long_double(place.latitude));
}

namespace {

Status geoadd(Call& call) {
  Args args(call);
  const Key key = args.key();
  AddOptions options;
  while (args.more()) {
    if (args.take("NX"))
      options.absent = true;
    else if (args.take("XX"))
      options.present = true;
    else if (args.take("CH"))
      options.count_changed = true;
    else
      break;
  }
  if (args.left() == 0 || args.left() % 3 != 0 || (options.absent && options.present)) {
    args.reject();
  }
  std::vector<NewScore> places;
  while (args.more()) {
    const double score = geo::score_of(take_place(args));
    places.push_back({score, args.bytes()});
  }
  if (!args.ok()) return args.error();
  return add_members(call, key, options, places);
}

Status geodist(Call& call) {
  Args args(call);
  const Key key = args.key();
  const Bytes from = args.bytes();
  const Bytes to = args.bytes();
  const auto unit = call.arg_count() == 5 ? metres_of(call.arg(4)) : std::optional(1.0);
  if (call.arg_count() > 5) return Status::error(errors::kSyntax);
  if (!unit) return Status::error(kBadUnit);
  const Item item = call.find_to_read(key);
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const SortedSetView set(item);
  const auto a = place_of_member(set, from);
  const auto b = place_of_member(set, to);
  a&& b ? reply_distance(call.reply(), geo::distance(*a, *b) / *unit) : call.reply().null();
  return Status::ok();
}

Status geohash(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const auto members = call.args().subspan(2);
  call.reply().array(members.size());
  for (const Bytes member : members) {
    const auto place = place_of_member(SortedSetView(item), member);
    place ? call.reply().bulk(geo::standard_geohash(*place)) : call.reply().null();
  }
  return Status::ok();
}

Status geopos(Call& call) {
  const Item item = call.find_to_read(call.key(1));
  if (!is_sorted_set(item)) return Status::error(errors::kWrongType);
  const auto members = call.args().subspan(2);
  call.reply().array(members.size());
  for (const Bytes member : members) {
    const auto place = place_of_member(SortedSetView(item), member);
    place ? reply_place(call.reply(), *place) : call.reply().null_array();
  }
  return Status::ok();
}

constexpr CommandSpec reading(Bytes name, Bytes syntax, Bytes summary, int arity, Bytes complexity,
                              Handler run) {
  return {.name = name,
          .syntax = syntax,
          .summary = summary,
          .since = "3.2.0",
          .complexity = complexity,
          .group = "geo",
          .arity = arity,
          .flags = Flag::readonly,
          .keys = key_at(1, KeyUse::read_only_access),
          .acl = Acl::read | Acl::geo | Acl::slow,
          .run = run};
}

constexpr auto kFamily = family({
    {.name = "GEOADD",
     .syntax = "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
     .summary = "Adds members with their places, or moves them.",
     .since = "3.2.0",
     .complexity = "O(log(N)) for each member",
     .group = "geo",
     .arity = at_least(5),
     .flags = Flag::write | Flag::deny_oom,
     .keys = key_at(1, KeyUse::read_write_update),
     .acl = Acl::write | Acl::geo | Acl::slow,
     .run = geoadd},
    reading("GEODIST", "key member1 member2 [M | KM | FT | MI]",
            "Returns the distance between two members.", at_least(4), "O(1)", geodist),
    reading("GEOHASH", "key [member [member ...]]", "Returns the geohashes of members.",
            at_least(2), "O(1) for each member", geohash),
    reading("GEOPOS", "key [member [member ...]]", "Returns the places of members.", at_least(2),
            "O(1) for each member", geopos),
});

}  // namespace

std::span<const CommandSpec> geo_commands() { return kFamily; }

}  // namespace larder
