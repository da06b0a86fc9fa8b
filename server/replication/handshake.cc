#include "server/replication/handshake.h"

#include "base/numbers.h"
#include "server/engine/request_text.h"

namespace larder {
namespace {

// Valkey sends a full sync that so old a Valkey can read, or none: fields with times need 9.
constexpr Bytes kReadAsValkey = "9.0.0";

Agreement failed(std::string why) {
  return {.kind = Agreement::Kind::failed, .id = {}, .text = std::move(why)};
}

// Sends a request and reads the line it is answered with.
bool ask(Wire& wire, std::initializer_list<Bytes> words, std::string& line) {
  return wire.send(request_text(words)) && wire.read_line(line);
}

bool is_error(const std::string& line) { return !line.empty() && line[0] == '-'; }

// Older primaries know not all of it; then it does not matter to them.
bool tell(Wire& wire, std::initializer_list<Bytes> words) {
  std::string ignored;
  return ask(wire, words, ignored);
}

// Empty when the primary lets us in.
std::string log_in(Wire& wire, const HandshakeInput& input) {
  std::string line;
  if (!ask(wire, {"PING"}, line)) return "PING: " + wire.error();
  const bool greeted = line[0] == '+' || line.starts_with("-NOAUTH") ||
                       line.starts_with("-NOPERM") ||
                       line.starts_with("-ERR operation not permitted");
  if (!greeted) return "Error reply to PING from master: '" + line + "'";
  if (input.auth.empty()) return "";
  const bool sent = input.user.empty() ? ask(wire, {"AUTH", input.auth}, line)
                                       : ask(wire, {"AUTH", input.user, input.auth}, line);
  if (!sent) return "AUTH: " + wire.error();
  return is_error(line) ? "Unable to AUTH to MASTER: " + line : "";
}

bool introduce(Wire& wire, const HandshakeInput& input) {
  const std::string port = std::to_string(input.listening_port);
  if (!tell(wire, {"REPLCONF", "listening-port", port})) return false;
  if (!input.announced_ip.empty() && !tell(wire, {"REPLCONF", "ip-address", input.announced_ip})) {
    return false;
  }
  return tell(wire, {"REPLCONF", "capa", "eof", "capa", "psync2", "capa", kTailCapability}) &&
         (!input.heir || tell(wire, {"REPLCONF", "capa", kHeirCapability})) &&
         tell(wire, {"REPLCONF", "version", kReadAsValkey});
}

}  // namespace

std::string request_text(std::initializer_list<Bytes> words) {
  std::string text;
  append_request(text, {words.begin(), words.size()});
  return text;
}

Agreement read_agreement(Bytes line) {
  const auto word = [&line] {
    const size_t end = std::min(line.find(' '), line.size());
    const Bytes found = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return found;
  };
  const std::string whole(line);
  const Bytes kind = word();
  if (kind == "+FULLRESYNC") {
    const Bytes id = word();
    const auto offset = parse_int64(line);
    if (id.size() != kReplicationIdBytes || !offset || *offset < 0) {
      return failed("Master replied with wrong +FULLRESYNC syntax: '" + whole + "'");
    }
    return {.kind = Agreement::Kind::full, .id = std::string(id), .offset = *offset, .text = {}};
  }
  if (kind == "+CONTINUE") {
    const Bytes id = word();
    if (!id.empty() && id.size() != kReplicationIdBytes) {
      return failed("Master replied with wrong +CONTINUE syntax: '" + whole + "'");
    }
    return {.kind = Agreement::Kind::partial, .id = std::string(id), .text = {}};
  }
  if (kind == "-NOMASTERLINK" || kind == "-LOADING") {
    return {.kind = Agreement::Kind::later, .id = {}, .text = whole};
  }
  return failed("Unexpected reply to PSYNC from master: '" + whole + "'");
}

Agreement shake_hands(Wire& wire, const HandshakeInput& input) {
  if (std::string why = log_in(wire, input); !why.empty()) return failed(std::move(why));
  if (!introduce(wire, input)) return failed("REPLCONF: " + wire.error());
  std::string line;
  const std::string next = std::to_string(input.next);
  const bool answered = input.failover ? ask(wire, {"PSYNC", input.id, next, "FAILOVER"}, line)
                                       : ask(wire, {"PSYNC", input.id, next}, line);
  if (!answered) return failed("PSYNC: " + wire.error());
  return read_agreement(line);
}

}  // namespace larder
