// Every command the server has, with arguments that nobody would send. Whatever comes, there is
// exactly one well-formed reply, a refused command and a reading one change nothing, and the store
// is whole.
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "protocol/reply_parser.h"
#include "server/admin/all_commands.h"
#include "tests/fuzz/input.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

constexpr Bytes kWords[] = {
    "a", "b", "c", "d", "0", "1", "-1", "2", "10", "100", "3.5", "", "x", "*", "inf", "nan",
    "9223372036854775807", "-9223372036854775808", "4294967296", "1e400", "EX", "PX", "NX", "XX",
    "GT", "LT", "GET", "SET", "KEEPTTL", "PERSIST", "COUNT", "MATCH", "TYPE", "BIT", "BYTE",
    "REPLACE", "DB", "LIMIT", "WITHSCORES", "ASYNC", "SYNC", "ID", "ON", "OFF", "HELP", "INCRBY",
    "OVERFLOW", "SAT", "u8", "i64", "#3", "AND", "OR", "NOT", "LEN", "IDX", "IFEQ", "STREAMS", ">",
    "$", "LEFT", "RIGHT", "BEFORE", "AFTER", "RANK", "MAXLEN", "string", "hash"};

// Some commands end or hold up the process; CLIENT PAUSE would stop all that follow.
bool is_left_out(const Command& command) {
  for (const Bytes name :
       {"shutdown", "debug|sleep", "debug|segfault", "client|pause", "failover"}) {
    if (command.name == name) return true;
  }
  return false;
}

std::string word(FuzzInput& input) {
  switch (input.below(8)) {
    case 0: return std::string(input.take(input.below(24)));
    case 1: return std::string(input.one_of<size_t>({44, 300, 5000, 17'000}), 'w');
    case 2: return std::to_string(static_cast<int>(input.below(512)) - 256);
    default: return std::string(input.one_of(kWords));
  }
}

std::vector<std::string> request(FuzzInput& input, const Registry& registry) {
  const Command& command = *registry.all()[input.below(registry.all().size())];
  std::vector<std::string> words;
  if (is_left_out(command)) return {"PING"};
  if (command.parent != nullptr) words.emplace_back(command.parent->spec->name);
  words.emplace_back(command.spec->name);
  const int arity = command.spec->arity;
  const size_t least = static_cast<size_t>(std::abs(arity));
  const size_t more = arity < 0 ? input.below(8) : 0;
  while (words.size() < least + more) words.push_back(word(input));
  return words;
}

void check_reply(Bytes reply, const LoneServer& server) {
  if (server.outcome() == Dispatcher::Outcome::postponed) return;
  // As in Redis, the pushes of a SUBSCRIBE stand among the replies of its EXEC.
  if (reply[0] == '*' && reply.find("\r\n>") != Bytes::npos) return;
  ReplyParser parser;
  CHECK(parser.next(reply) == ReplyParser::Outcome::reply);
  // SUBSCRIBE and its kin answer once for each name.
  if (reply[0] != '>') CHECK(parser.size() == reply.size() || reply[0] == '*');
}

void run_all(FuzzInput input) {
  constexpr size_t kRequestsMax = 64;
  LoneServer server(add_all_commands, {.shard_bits = 2, .databases = 3});
  server.services().settings.bulk_bytes_max.store(1 << 20);  // values stay small
  server.services().settings.debug.store(LiveSettings::Debug::yes);
  server.session().protocol = input.byte() % 2 == 0 ? 2 : 3;
  for (size_t i = 0; i < kRequestsMax && !input.empty(); ++i) {
    const uint64_t changes = server.stats().changes.get();
    const std::vector<std::string> words = request(input, server.registry());
    const std::string reply = server.ask(words);
    check_reply(reply, server);
    const Command* command = server.registry().find(words[0]);
    const bool reads = has(command->spec->flags, Flag::readonly);
    if (reads || reply[0] == '-') CHECK(server.stats().changes.get() == changes);
    server.store().validate();
    server.now_ms += input.byte() % 4 * 50;
    server.store().expire_due(0, 1, server.now_ms);
  }
  server.store().settle_memory();
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::run_all(larder::FuzzInput(data, size));
  return 0;
}
