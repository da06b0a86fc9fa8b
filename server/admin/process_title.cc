#include "server/admin/process_title.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "server/admin/options.h"

extern char** environ;

namespace larder {
namespace {

// How far texts that follow each other reach.
char* end_of(char** texts, char* end) {
  for (; *texts != nullptr; ++texts) {
    if (*texts == end) end += std::strlen(*texts) + 1;
  }
  return end;
}

// For good: what getenv() returns must stay.
void move_environment() {
  for (char** each = environ; *each != nullptr; ++each) *each = ::strdup(*each);
  program_invocation_name = ::strdup(program_invocation_name);
  program_invocation_short_name = ::strdup(program_invocation_short_name);
}

std::string listen_address(const Options& options) {
  const bool plain = options.integer("port") != 0;
  if (!plain && options.integer("tls-port") == 0) return options.text("unixsocket");
  const auto addresses = options.words("bind");
  return (addresses.empty() ? "*" : addresses.front()) + ":" +
         options.text(plain ? "port" : "tls-port");
}

}  // namespace

ProcessTitle::ProcessTitle(int argc, char** argv) {
  if (argc == 0) return;
  program_ = argv[0];
  room_ = argv[0];
  room_bytes_ = static_cast<size_t>(end_of(environ, end_of(argv, room_)) - room_);
  move_environment();
}

std::optional<std::string> ProcessTitle::value(Bytes name, const Options& options) const {
  if (name == "title") return program_;
  if (name == "listen-addr") return listen_address(options);
  if (name == "server-mode") return "";  // of a cluster or a Sentinel there would be something
  if (name == "config-file") return file_;
  for (const Bytes option : {"port", "tls-port", "unixsocket"}) {
    if (name == option) return options.text(option);
  }
  return std::nullopt;
}

std::optional<std::string> ProcessTitle::text(const Options& options) const {
  const Bytes all = options.text("proc-title-template");
  if (all.empty()) return std::nullopt;
  std::string text;
  size_t at = 0;
  for (size_t open = 0; (open = all.find('{', at)) != Bytes::npos;) {
    text += all.substr(at, open - at);
    at = open + 2;
    if (all.substr(open, 2) == "{{") {  // a brace that means itself
      text += '{';
      continue;
    }
    const size_t close = all.find('}', open);
    if (close == Bytes::npos) return std::nullopt;
    const auto found = value(all.substr(open + 1, close - open - 1), options);
    if (!found) return std::nullopt;
    text += *found;
    at = close + 1;
  }
  text += all.substr(at);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

void ProcessTitle::show(const Options& options) {
  const auto title = text(options);
  if (!title || room_bytes_ == 0 || !options.is_on("set-proc-title")) return;
  const size_t bytes = std::min(title->size(), room_bytes_ - 1);
  std::memcpy(room_, title->data(), bytes);
  std::memset(room_ + bytes, 0, room_bytes_ - bytes);
}

}  // namespace larder
