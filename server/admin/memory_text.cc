#include "server/admin/memory_text.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace larder {

int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  in >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::string memory_text(int64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + "B";
  double value = static_cast<double>(bytes) / 1024;
  const char* unit = "KMGTP";
  while (value >= 1024 && unit[1] != '\0') {
    value /= 1024;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, "%.2f%c", value, *unit);
  return text;
}

}  // namespace larder
