// What the geo families share: units, places in arguments and in sorted sets.
#pragma once

#include <optional>

#include "server/commands/geohash.h"
#include "server/commands/sorted_set_values.h"

namespace larder {

// Metres of a unit's name.
std::optional<double> metres_of(Bytes unit);
inline constexpr const char* kBadUnit = "ERR unsupported unit provided. please use M, KM, FT, MI";

// Reads longitude and latitude.
geo::Place take_place(Args& args);
std::optional<geo::Place> place_of_member(const SortedSetView& set, Bytes member);
// Distances have four digits behind the point, in both protocols.
void reply_distance(ReplyWriter& reply, double distance);
// An array of longitude and latitude.
void reply_place(ReplyWriter& reply, const geo::Place& place);

}  // namespace larder
