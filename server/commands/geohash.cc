#include "server/commands/geohash.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace larder::geo {
namespace {

constexpr double kEarthRadius = 6372797.560856;
constexpr double kMercatorMax = 20037726.37;
constexpr double kRadians = std::numbers::pi / 180;

// A cell by its numbers from west to east and south to north, at a depth of `steps` bits each.
struct Grid {
  uint32_t x = 0, y = 0;
  unsigned steps = kStepsMax;
};

struct Area {
  double west, east, south, north;
};

// Spreads 32 bits over the even bits of 64.
uint64_t spread(uint64_t bits) {
  bits = (bits | bits << 16) & 0x0000'ffff'0000'ffff;
  bits = (bits | bits << 8) & 0x00ff'00ff'00ff'00ff;
  bits = (bits | bits << 4) & 0x0f0f'0f0f'0f0f'0f0f;
  bits = (bits | bits << 2) & 0x3333'3333'3333'3333;
  return (bits | bits << 1) & 0x5555'5555'5555'5555;
}

uint32_t gather(uint64_t bits) {
  bits &= 0x5555'5555'5555'5555;
  bits = (bits | bits >> 1) & 0x3333'3333'3333'3333;
  bits = (bits | bits >> 2) & 0x0f0f'0f0f'0f0f'0f0f;
  bits = (bits | bits >> 4) & 0x00ff'00ff'00ff'00ff;
  bits = (bits | bits >> 8) & 0x0000'ffff'0000'ffff;
  return static_cast<uint32_t>(bits | bits >> 16);
}

uint64_t bits_of(const Grid& grid) { return spread(grid.y) | spread(grid.x) << 1; }

uint32_t part_of(double value, double max, unsigned steps) {
  const double share = (value + max) / (2 * max);
  return static_cast<uint32_t>(share * static_cast<double>(uint64_t{1} << steps));
}

Grid grid_of(const Place& place, unsigned steps, double latitude_max = kLatitudeMax) {
  return {part_of(place.longitude, kLongitudeMax, steps),
          part_of(place.latitude, latitude_max, steps), steps};
}

Area area_of(const Grid& grid) {
  const auto cells = static_cast<double>(uint64_t{1} << grid.steps);
  const auto bound = [cells](uint64_t number, double max) {
    return -max + (static_cast<double>(number) / cells) * (2 * max);
  };
  return {bound(grid.x, kLongitudeMax), bound(uint64_t{grid.x} + 1, kLongitudeMax),
          bound(grid.y, kLatitudeMax), bound(uint64_t{grid.y} + 1, kLatitudeMax)};
}

// Going around the world. What lies on its eastern or northern edge is one cell beyond the last and
// stays there unless it is left.
Grid neighbour(const Grid& grid, int east, int north) {
  const uint32_t mask = (uint32_t{1} << grid.steps) - 1;
  return {east == 0 ? grid.x : (grid.x + static_cast<uint32_t>(east)) & mask,
          north == 0 ? grid.y : (grid.y + static_cast<uint32_t>(north)) & mask, grid.steps};
}

// The rectangle around a shape. Nearer to the pole a metre is more degrees.
Area bounds_of(const Shape& shape) {
  const double up = shape.is_box ? shape.height / 2 : shape.radius;
  const double aside = shape.is_box ? shape.width / 2 : shape.radius;
  const Place& centre = shape.centre;
  const double latitudes = up / kEarthRadius / kRadians;
  const double widest =
      centre.latitude < 0 ? centre.latitude - latitudes : centre.latitude + latitudes;
  const double longitudes = aside / kEarthRadius / std::cos(widest * kRadians) / kRadians;
  return {centre.longitude - longitudes, centre.longitude + longitudes, centre.latitude - latitudes,
          centre.latitude + latitudes};
}

unsigned steps_for(double metres, double latitude) {
  if (metres == 0) return kStepsMax;
  int steps = 1;
  for (; metres < kMercatorMax; metres *= 2) ++steps;
  steps -= 2;  // so that the nine cells cover the range nearly always
  if (std::fabs(latitude) > 66) --steps;
  if (std::fabs(latitude) > 80) --steps;
  return static_cast<unsigned>(std::clamp(steps, 1, static_cast<int>(kStepsMax)));
}

// Whether the cells around `grid` end inside the bounds.
bool too_deep(const Grid& grid, const Area& bounds) {
  return area_of(neighbour(grid, 0, 1)).north < bounds.north ||
         area_of(neighbour(grid, 0, -1)).south > bounds.south ||
         area_of(neighbour(grid, 1, 0)).east < bounds.east ||
         area_of(neighbour(grid, -1, 0)).west > bounds.west;
}

double latitude_distance(double a, double b) {
  return kEarthRadius * std::fabs(b * kRadians - a * kRadians);
}

}  // namespace

double score_of(const Place& place) {
  return static_cast<double>(bits_of(grid_of(place, kStepsMax)));
}

namespace {

// The bits of a score as Redis on x86 has them. At the very edge of the map a score has 54 bits;
// ZADD makes others, which are no place: below all integers only the highest bit is set, above
// them none.
uint64_t bits_of_score(double score) {
  constexpr double kHighestBit = 0x1p63;
  if (!(score > -kHighestBit)) return uint64_t{1} << 63;
  if (score < kHighestBit) return static_cast<uint64_t>(static_cast<int64_t>(score));
  return score < 2 * kHighestBit ? static_cast<uint64_t>(score) : 0;
}

}  // namespace

Place place_of(double score) {
  const uint64_t bits = bits_of_score(score);
  const Area area = area_of({gather(bits >> 1), gather(bits), kStepsMax});
  return {std::clamp((area.west + area.east) / 2, -kLongitudeMax, kLongitudeMax),
          std::clamp((area.south + area.north) / 2, -kLatitudeMax, kLatitudeMax)};
}

std::string standard_geohash(const Place& place) {
  constexpr Bytes kLetters = "0123456789bcdefghjkmnpqrstuvwxyz";
  const uint64_t bits = bits_of(grid_of(place, kStepsMax, 90));
  std::string letters;
  for (unsigned end = 5; end <= 50; end += 5) letters += kLetters[bits >> (52 - end) & 31];
  return letters + '0';  // two bits are left: not enough for a letter
}

double distance(const Place& a, const Place& b) {
  const double v = std::sin((b.longitude * kRadians - a.longitude * kRadians) / 2);
  if (v == 0) return latitude_distance(a.latitude, b.latitude);
  const double from = a.latitude * kRadians;
  const double to = b.latitude * kRadians;
  const double u = std::sin((to - from) / 2);
  return 2 * kEarthRadius * std::asin(std::sqrt(u * u + std::cos(from) * std::cos(to) * v * v));
}

bool Shape::contains(const Place& place, double& metres) const {
  if (is_box) {
    if (latitude_distance(place.latitude, centre.latitude) > height / 2) return false;
    const Place beside{centre.longitude, place.latitude};
    if (distance(place, beside) > width / 2) return false;
    metres = distance(centre, place);
    return true;
  }
  metres = distance(centre, place);
  return metres <= radius;
}

std::array<Cell, 9> cells_of(const Shape& shape) {
  const Area bounds = bounds_of(shape);
  const double reach =
      shape.is_box
          ? std::sqrt(shape.width / 2 * (shape.width / 2) + shape.height / 2 * (shape.height / 2))
          : shape.radius;
  unsigned steps = steps_for(reach, shape.centre.latitude);
  Grid grid = grid_of(shape.centre, steps);
  if (steps > 1 && too_deep(grid, bounds)) grid = grid_of(shape.centre, --steps);
  const Area area = area_of(grid);
  struct Side {
    int east, north;
  };
  constexpr std::array<Side, 9> kSides{
      {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}};
  std::array<Cell, 9> cells;
  for (size_t i = 0; i < kSides.size(); ++i) {
    const auto [east, north] = kSides[i];
    const bool beyond =
        (north < 0 && area.south < bounds.south) || (north > 0 && area.north > bounds.north) ||
        (east < 0 && area.west < bounds.west) || (east > 0 && area.east > bounds.east);
    if (steps >= 2 && beyond) continue;
    const uint64_t bits = bits_of(neighbour(grid, east, north));
    const unsigned shift = 52 - 2 * steps;
    cells[i] = {true, bits << shift, (bits + 1) << shift};
  }
  return cells;
}

}  // namespace larder::geo
