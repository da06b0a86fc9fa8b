#include "server/commands/monitor.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace larder {
namespace {

constexpr Bytes kRedacted = "(redacted)";

bool is_secret_option(Bytes name) {
  constexpr Bytes kSecrets[] = {"REQUIREPASS", "MASTERAUTH", "MASTERUSER", "TLS-KEY-FILE-PASS",
                                "TLS-CLIENT-KEY-FILE-PASS"};
  return std::any_of(std::begin(kSecrets), std::end(kSecrets),
                     [&](Bytes secret) { return equals_upper(name, secret); });
}

// Whether an argument of HELLO is the user name or the password behind AUTH.
bool behind_auth(std::span<const Bytes> args, size_t index) {
  for (size_t back = 1; back <= 2 && back < index; ++back) {
    if (equals_upper(args[index - back], "AUTH")) return true;
  }
  return false;
}

}  // namespace

std::vector<Bytes> redacted(const Command& command, std::span<const Bytes> args) {
  std::vector<Bytes> shown(args.begin(), args.end());
  const Bytes name = command.spec->name;
  for (size_t i = 1; i < shown.size(); ++i) {
    const bool secret_option =
        command.name == "config|set" && i % 2 == 1 && i >= 3 && is_secret_option(args[i - 1]);
    if (name == "AUTH" || (name == "HELLO" && behind_auth(args, i)) || secret_option) {
      shown[i] = kRedacted;
    }
  }
  return shown;
}

std::string quoted(Bytes bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    switch (c) {
      case '\\': text += "\\\\"; break;
      case '"': text += "\\\""; break;
      case '\n': text += "\\n"; break;
      case '\r': text += "\\r"; break;
      case '\t': text += "\\t"; break;
      case '\a': text += "\\a"; break;
      case '\b': text += "\\b"; break;
      default:
        if (c >= 32 && c < 127) {
          text += c;
        } else {
          char hex[8];
          std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
          text += hex;
        }
    }
  }
  return text + '"';
}

std::string monitor_line(const Session& session, std::span<const Bytes> args, int64_t now_us) {
  char head[64];
  std::snprintf(head, sizeof head, "+%lld.%06lld [%u ", static_cast<long long>(now_us / 1000000),
                static_cast<long long>(now_us % 1000000), session.db);
  std::string line = head + session.address + "]";
  for (const Bytes arg : args) line.append(1, ' ').append(quoted(arg));
  return line.append("\r\n");
}

}  // namespace larder
