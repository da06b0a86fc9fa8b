#include "server/commands/lolwut.h"

#include <vector>

namespace larder {
namespace {

constexpr size_t kJarRows = 5;  // of the glass, without the lid

// One row of a jar that is filled `level` rows high.
std::string jar_row(size_t row, size_t level, char filling) {
  const bool full = kJarRows - row <= level;
  return " |" + std::string(4, full ? filling : ' ') + "| ";
}

}  // namespace

std::string draw_pantry(Random& random, size_t jars, size_t shelves) {
  static constexpr char kFillings[] = "oO*.:%@~&#";
  std::string picture;
  for (size_t shelf = 0; shelf < shelves; ++shelf) {
    std::vector<size_t> levels;
    std::string fillings;
    for (size_t jar = 0; jar < jars; ++jar) {
      levels.push_back(random.below(kJarRows + 1));
      fillings += kFillings[random.below(sizeof kFillings - 1)];
    }
    for (size_t jar = 0; jar < jars; ++jar) picture += "  ====  ";
    picture += '\n';
    for (size_t row = 0; row < kJarRows; ++row) {
      for (size_t jar = 0; jar < jars; ++jar) {
        picture += jar_row(row, levels[jar], fillings[jar]);
      }
      picture += '\n';
    }
    for (size_t jar = 0; jar < jars; ++jar) picture += " '----' ";
    picture += '\n' + std::string(jars * 8, '_') + "\n\n";
  }
  return picture;
}

}  // namespace larder
