// Places on earth as numbers of 52 bits, and back: the scores of geo sets, bit for bit Redis's.
//
//   bit 51 50 49 48 ...  1  0
//       x  y  x  y  ...  x  y     26 bits each: x of 360 degrees longitude, y of 170.1 latitude
//
// Places that share their first bits lie in one cell, and a cell is one range of scores. A search
// looks into the cell of its centre and the eight around it, at the depth where these nine cover
// what is searched.
// It is not the geohash of Wikipedia, whose latitude reaches the poles: standard_geohash makes
// that.
// Source: G. M. Morton, "A Computer Oriented Geodetic Data Base", 1966;
// https://redis.io/docs/latest/commands/geohash/
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace larder::geo {

// Degrees.
struct Place {
  double longitude = 0, latitude = 0;
};
inline constexpr double kLongitudeMax = 180;
inline constexpr double kLatitudeMax = 85.05112878;  // where the Mercator projection is a square
inline constexpr unsigned kStepsMax = 26;

inline bool is_valid(const Place& place) {
  return place.longitude >= -kLongitudeMax && place.longitude <= kLongitudeMax &&
         place.latitude >= -kLatitudeMax && place.latitude <= kLatitudeMax;
}

double score_of(const Place& place);
// The middle of the smallest cell. Any score will do.
Place place_of(double score);
// Eleven letters.
std::string standard_geohash(const Place& place);
// Metres along a great circle.
double distance(const Place& a, const Place& b);

// What is searched: a circle or a box, in metres.
struct Shape {
  Place centre;
  bool is_box = false;
  double radius = 0;
  double width = 0, height = 0;

  // Whether it contains a place, and its distance from the centre.
  bool contains(const Place& place, double& metres) const;
};

// Scores from .. to - 1.
struct Cell {
  bool wanted = false;
  uint64_t from = 0, to = 0;
};
// The cells that cover a shape, in the order in which Redis looks into them: the centre's, north,
// south, east, west, north-east, north-west, south-east, south-west.
std::array<Cell, 9> cells_of(const Shape& shape);

}  // namespace larder::geo
