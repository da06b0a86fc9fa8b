// Bodies of EVAL: text as it comes, and text put together from pieces that mean something. Whatever
// it says, there is one well-formed reply, the next script runs as if nothing had been, and the
// store is whole. A script that would run for ever is ended.
#include <string>

#include "base/check.h"
#include "protocol/reply_parser.h"
#include "server/admin/all_commands.h"
#include "tests/fuzz/input.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

constexpr int64_t kScriptBytesMax = 16 * 1024 * 1024;

constexpr Bytes kValues[] = {"1",
                             "-1",
                             "0",
                             "2^31",
                             "-2^31",
                             "2^53",
                             "1e308",
                             "0/0",
                             "nil",
                             "true",
                             "''",
                             "'a'",
                             "'\\0x'",
                             "{}",
                             "{1,2}",
                             "{a=1}",
                             "string.rep('x', 5000)",
                             "KEYS",
                             "ARGV",
                             "_G",
                             "redis",
                             "math",
                             "function() end",
                             "coroutine.create(function() end)",
                             "getmetatable('')",
                             "cjson.null",
                             "'[1,{\"a\":[null]}]'",
                             "'\\145\\145\\145'",
                             "'>I4!8i7c0s'",
                             "'%s%d%5.3f'",
                             "'(.-)%1'"};

constexpr Bytes kFunctions[] = {"redis.call",
                                "redis.pcall",
                                "redis.error_reply",
                                "redis.status_reply",
                                "redis.sha1hex",
                                "redis.setresp",
                                "redis.set_repl",
                                "redis.acl_check_cmd",
                                "redis.register_function",
                                "cjson.encode",
                                "cjson.decode",
                                "cjson.encode_max_depth",
                                "cjson.encode_sparse_array",
                                "cmsgpack.pack",
                                "cmsgpack.unpack",
                                "cmsgpack.unpack_one",
                                "cmsgpack.unpack_limit",
                                "struct.pack",
                                "struct.unpack",
                                "struct.size",
                                "bit.lshift",
                                "bit.tohex",
                                "bit.bswap",
                                "unpack",
                                "pcall",
                                "xpcall",
                                "error",
                                "select",
                                "rawset",
                                "rawget",
                                "setmetatable",
                                "getmetatable",
                                "next",
                                "pairs",
                                "load",
                                "loadstring",
                                "tostring",
                                "tonumber",
                                "string.format",
                                "string.rep",
                                "string.find",
                                "string.gsub",
                                "string.dump",
                                "table.insert",
                                "table.concat",
                                "table.sort",
                                "table.remove",
                                "math.random",
                                "math.randomseed",
                                "collectgarbage",
                                "coroutine.wrap",
                                "coroutine.resume",
                                "__redis__err__handler"};

constexpr Bytes kCommands[] = {"'set','k',v",
                               "'get','k'",
                               "'incr','n'",
                               "'lpush','l',1,2",
                               "'lrange','l',0,-1",
                               "'hset','h','f','v'",
                               "'hgetall','h'",
                               "'zadd','z',1.5,'m'",
                               "'zrange','z',0,-1,'withscores'",
                               "'mset','a',1,'b',2",
                               "'flushall'",
                               "'select',1",
                               "'keys','*'",
                               "'xread','streams','s','$'",
                               "'blpop','l',0",
                               "'eval','return 1',0",
                               "'expire','k',0",
                               "'debug','protocol','map'"};

std::string expression(FuzzInput& input, unsigned depth) {
  const uint8_t kind = input.byte();
  if (depth == 0 || kind < 120) return std::string(input.one_of(kValues));
  if (kind < 150) return "redis.pcall(" + std::string(input.one_of(kCommands)) + ")";
  if (kind < 160) return "{" + expression(input, depth - 1) + "," + expression(input, 0) + "}";
  std::string call = std::string(input.one_of(kFunctions)) + "(";
  for (size_t i = input.below(4); i > 0; --i) {
    call += expression(input, depth - 1) + (i > 1 ? "," : "");
  }
  return call + ")";
}

std::string statement(FuzzInput& input) {
  switch (input.below(8)) {
    case 0:
      return "v = " + expression(input, 3);
    case 1:
      return "pcall(function() v = " + expression(input, 2) + " end)";
    case 2:
      return "for i = 1, 100 do v = {v, i} end";
    case 3:
      return "if v then v[1] = " + expression(input, 2) + " end";
    case 4:
      return std::string(input.take(input.below(20)));
    default:
      return "local w = " + expression(input, 3);
  }
}

std::string script(FuzzInput& input) {
  if (input.byte() % 4 == 0) return std::string(input.take(input.below(2000)));
  std::string text = "local v ";
  for (size_t i = input.below(12); i > 0; --i) text += statement(input) + "\n";
  return text + "return v";
}

void check_reply(const std::string& reply) {
  ReplyParser parser;
  const ReplyParser::Outcome outcome = parser.next(reply);
  // A script may nest its reply deeper than our parser follows.
  CHECK(outcome == ReplyParser::Outcome::error ? reply[0] != '-' : parser.size() == reply.size());
}

// Nothing of the script before is left. On a busy machine a short one may be taken for long, and
// stopped.
void check_next_script(LoneServer& server) {
  const std::string reply = server.ask({"EVAL", "return redis.call('echo', #KEYS + #ARGV)", "0"});
  CHECK(reply == "$1\r\n0\r\n" || reply.find("killed") != std::string::npos);
}

void run_all(FuzzInput input) {
  constexpr size_t kScriptsMax = 16;
  LoneServer server(add_all_commands, {.shard_bits = 2, .databases = 3});
  server.services().settings.script_bytes_max.store(kScriptBytesMax);
  server.end_long_scripts();
  server.session().protocol = input.byte() % 2 == 0 ? 2 : 3;
  for (size_t i = 0; i < kScriptsMax && !input.empty(); ++i) {
    const std::string text = script(input);
    check_reply(server.ask({"EVAL", text, "1", "k", "arg"}));
    CHECK(server.session().db == 0);
    check_next_script(server);
    server.store().validate();
  }
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::run_all(larder::FuzzInput(data, size));
  return 0;
}
