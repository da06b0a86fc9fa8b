#include "server/engine/monitor.h"

#include <algorithm>
#include <cstdio>
#include <initializer_list>

#include "base/quoting.h"

namespace larder {
namespace {

constexpr Bytes kRedacted = "(redacted)";

bool is_one_of(Bytes word, std::initializer_list<Bytes> upper) {
  return std::any_of(upper.begin(), upper.end(),
                     [&](Bytes each) { return equals_upper(word, each); });
}

// Whether an argument stands within `reach` words behind the word.
bool is_behind(std::span<const Bytes> args, size_t index, Bytes word, size_t reach) {
  for (size_t back = 1; back <= reach && back < index; ++back) {
    if (equals_upper(args[index - back], word)) return true;
  }
  return false;
}

bool is_secret(const Command& command, std::span<const Bytes> args, size_t index) {
  const Bytes name = command.name;
  if (name == "auth") return true;
  if (name == "hello") return is_behind(args, index, "AUTH", 2);
  if (name == "migrate") {
    return index > 5 && (is_behind(args, index, "AUTH", 1) || is_behind(args, index, "AUTH2", 2));
  }
  if (name == "config|set") {
    return index >= 3 && index % 2 == 1 &&
           is_one_of(args[index - 1],
                     {"REQUIREPASS", "MASTERAUTH", "MASTERUSER", "PRIMARYAUTH", "PRIMARYUSER",
                      "TLS-KEY-FILE-PASS", "TLS-CLIENT-KEY-FILE-PASS"});
  }
  return index >= 2 && (name == "acl|setuser" || name == "acl|deluser" || name == "acl|getuser");
}

}  // namespace

std::vector<Bytes> redacted(const Command& command, std::span<const Bytes> args) {
  std::vector<Bytes> shown(args.begin(), args.end());
  for (size_t i = 1; i < shown.size(); ++i) {
    if (is_secret(command, args, i)) shown[i] = kRedacted;
  }
  return shown;
}

std::string monitor_line(unsigned db, Bytes address, std::span<const Bytes> args, int64_t now_us) {
  char head[64];
  std::snprintf(head, sizeof head, "+%lld.%06lld [%u ", static_cast<long long>(now_us / 1000000),
                static_cast<long long>(now_us % 1000000), db);
  std::string line = head;
  line.append(address).append("]");
  for (const Bytes arg : args) line.append(1, ' ').append(quoted(arg));
  return line.append("\r\n");
}

}  // namespace larder
