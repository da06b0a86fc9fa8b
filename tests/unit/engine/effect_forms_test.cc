// What requests leave in the effect log, form by form.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/commands/families.h"
#include "storage/lazy_free.h"
#include "tests/support/lone_server.h"

namespace larder::effect_forms_test {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  return words;
}

class EffectForms : public testing::Test {
 protected:
  EffectForms()
      : server_([](Registry& registry) {
          for (const auto family :
               {string_commands(),     string_edit_commands(),    conditional_commands(),
                key_commands(),        expiry_commands(),         list_commands(),
                list_move_commands(),  list_wait_commands(),      set_commands(),
                set_walk_commands(),   hash_commands(),           hash_expiry_commands(),
                stream_commands(),     stream_read_commands(),    stream_group_commands(),
                sorted_set_commands(), sorted_set_pop_commands(), transaction_commands(),
                database_commands(),   pubsub_commands(),         connection_commands()}) {
            registry.add(family);
          }
        }) {
    reader_ = server_.services().listeners.effects.open_reader(0, {});
    effects_of("INCR first;DEL first");  // with the SELECT that begins every stream
  }

  // Runs requests, separated by ';', and returns what they left, without the first SELECT.
  std::string effects_of(const std::string& requests) {
    size_t from = 0;
    while (from < requests.size()) {
      const size_t end = std::min(requests.find(';', from), requests.size());
      server_.ask(words_of(requests.substr(from, end - from)));
      from = end + 1;
    }
    std::string bytes(64 * 1024, '\0');
    bytes.resize(reader_->read_some(bytes.data(), bytes.size()));
    std::string lines = lines_of(bytes);
    if (lines.starts_with("SELECT 0; ")) lines.erase(0, 10);
    return lines == "SELECT 0" ? "" : lines;
  }

  static std::string lines_of(const std::string& bytes) {
    std::string lines;
    size_t at = 0;
    while (at < bytes.size()) {
      size_t end = bytes.find("\r\n", at);
      const int count = std::stoi(bytes.substr(at + 1, end - at - 1));
      at = end + 2;
      for (int i = 0; i < count; ++i) {
        end = bytes.find("\r\n", at);
        const auto size = std::stoul(bytes.substr(at + 1, end - at - 1));
        lines += (i == 0 ? (lines.empty() ? "" : "; ") : " ") + bytes.substr(end + 2, size);
        at = end + 2 + size + 2;
      }
    }
    return lines;
  }

  LoneServer server_;
  std::unique_ptr<EffectLog::Reader> reader_;
};

TEST_F(EffectForms, requests_as_they_are) {
  EXPECT_EQ(effects_of("set k v"), "SET k v");
  EXPECT_EQ(effects_of("GET k"), "");
  EXPECT_EQ(effects_of("setnx k w"), "");
  EXPECT_EQ(effects_of("Append k x"), "APPEND k x");
  EXPECT_EQ(effects_of("DEL k nothing"), "DEL k nothing");
  EXPECT_EQ(effects_of("DEL nothing"), "");
  EXPECT_EQ(effects_of("SELECT 2;INCR n;SELECT 0"), "SELECT 2; INCR n");
  EXPECT_EQ(effects_of("FLUSHALL"), "FLUSHALL");
  EXPECT_EQ(effects_of("SWAPDB 0 1"), "SWAPDB 0 1");
  EXPECT_EQ(effects_of("PUBLISH c m"), "PUBLISH c m");
  EXPECT_EQ(effects_of("xgroup create s g $ MKSTREAM"), "XGROUP create s g $ MKSTREAM");
}

TEST_F(EffectForms, times_are_absolute) {
  EXPECT_EQ(effects_of("SET k v EX 10"), "SET k v PXAT 1700000010000");
  EXPECT_EQ(effects_of("SET k v NX PX 10"), "");
  EXPECT_EQ(effects_of("SET k v XX PXAT 1700000000500 GET"), "SET k v PXAT 1700000000500");
  EXPECT_EQ(effects_of("SET k v pxat 1700000000500"), "SET k v PXAT 1700000000500");
  EXPECT_EQ(effects_of("SET k w KEEPTTL"), "SET k w KEEPTTL");
  EXPECT_EQ(effects_of("SET k w KEEPTTL GET"), "SET k w KEEPTTL");
  EXPECT_EQ(effects_of("SET k w GET"), "SET k w");
  EXPECT_EQ(effects_of("SETEX k 1 v"), "SET k v PXAT 1700000001000");
  EXPECT_EQ(effects_of("PSETEX k 7 v"), "SET k v PXAT 1700000000007");
  EXPECT_EQ(effects_of("EXPIRE k 5"), "PEXPIREAT k 1700000005000");
  EXPECT_EQ(effects_of("EXPIRE k 5 NX"), "");
  EXPECT_EQ(effects_of("GETEX k PX 20"), "PEXPIREAT k 1700000000020");
  EXPECT_EQ(effects_of("GETEX k PERSIST"), "PERSIST k");
  EXPECT_EQ(effects_of("GETEX k"), "");
  EXPECT_EQ(effects_of("PEXPIRE k -1"), "DEL k");
}

TEST_F(EffectForms, results_instead_of_ways) {
  EXPECT_EQ(effects_of("INCRBYFLOAT f 0.5"), "SET f 0.5 KEEPTTL");
  EXPECT_EQ(effects_of("HINCRBYFLOAT h f 1.5"), "HSET h f 1.5");
  EXPECT_EQ(effects_of("GETSET f 1"), "SET f 1");
  EXPECT_EQ(effects_of("GETDEL f"), "DEL f");
  EXPECT_EQ(effects_of("SADD s m;SPOP s"), "SADD s m; SREM s m");
  EXPECT_EQ(effects_of("SADD s m n;SPOP s 5"), "SADD s m n; DEL s");
  EXPECT_EQ(effects_of("SPOP s"), "");
  EXPECT_EQ(effects_of("MSETEX 2 a 1 b 2 PX 5"),
            "MULTI; SET a 1 PXAT 1700000000005; SET b 2 PXAT 1700000000005; EXEC");
  EXPECT_EQ(effects_of("SET a 1 IFEQ 1"), "SET a 1");
  EXPECT_EQ(effects_of("DELIFEQ a 1;DELEX b IFEQ 1;DELEX b"), "DEL a; DEL b");
}

TEST_F(EffectForms, pops_say_what_was_taken) {
  effects_of("RPUSH l 1 2 3 4 5 6 7 8 9;ZADD z 1 a 2 b 3 c 4 d 5 e");
  EXPECT_EQ(effects_of("BLPOP none l 0"), "LPOP l");
  EXPECT_EQ(effects_of("BRPOP l 0"), "RPOP l");
  EXPECT_EQ(effects_of("LMPOP 2 none l RIGHT COUNT 2"), "RPOP l 2");
  EXPECT_EQ(effects_of("BLMPOP 0 1 l LEFT"), "LPOP l 1");
  EXPECT_EQ(effects_of("BLMOVE l m LEFT RIGHT 0"), "LMOVE l m LEFT RIGHT");
  EXPECT_EQ(effects_of("BLMOVE l m left Right 0"), "LMOVE l m left Right");
  EXPECT_EQ(effects_of("BRPOPLPUSH l m 0"), "RPOPLPUSH l m");
  EXPECT_EQ(effects_of("LPOP l 100"), "LPOP l 100");
  EXPECT_EQ(effects_of("BZPOPMIN z 0"), "ZPOPMIN z");
  EXPECT_EQ(effects_of("ZMPOP 1 z MAX COUNT 2"), "ZPOPMAX z 2");
  EXPECT_EQ(effects_of("BZMPOP 0 1 z MIN COUNT 9"), "ZPOPMIN z 2");
}

TEST_F(EffectForms, streams) {
  EXPECT_EQ(effects_of("XADD s * f v"), "XADD s 1700000000000-0 f v");
  EXPECT_EQ(effects_of("XADD s MAXLEN 1 1700000000000-* f v"),
            "XADD s MAXLEN = 1 1700000000000-1 f v");
  EXPECT_EQ(effects_of("XADD s 1700000000001-1 f v"), "XADD s 1700000000001-1 f v");
  EXPECT_EQ(effects_of("XTRIM s MINID 1700000000001"), "XTRIM s MAXLEN = 1");
  effects_of("XGROUP CREATE s g 0");
  EXPECT_EQ(effects_of("XREADGROUP GROUP g c STREAMS s >"),
            "MULTI; XCLAIM s g c 0 1700000000001-1 TIME 1700000000000 "
            "RETRYCOUNT 1 FORCE JUSTID LASTID 1700000000001-1; XGROUP SETID s g 1700000000001-1 "
            "ENTRIESREAD 3; EXEC");
  EXPECT_EQ(effects_of("XREADGROUP GROUP g c STREAMS s >"), "");
  EXPECT_EQ(effects_of("XCLAIM s g d 0 1700000000001-1"),
            "XCLAIM s g d 0 1700000000001-1 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID LASTID "
            "1700000000001-1");
  EXPECT_EQ(effects_of("XCLAIM s g e 9 1700000000001-1"), "XGROUP CREATECONSUMER s g e");
  EXPECT_EQ(effects_of("XAUTOCLAIM s g f 9 0"), "XGROUP CREATECONSUMER s g f");
  EXPECT_EQ(effects_of("XREADGROUP GROUP g h STREAMS s >"), "XGROUP CREATECONSUMER s g h");
  EXPECT_EQ(effects_of("XDEL s 1700000000001-1;XAUTOCLAIM s g c 0 0"),
            "XDEL s 1700000000001-1; XACK s g 1700000000001-1");
}

TEST_F(EffectForms, transactions_are_wrapped_when_they_have_several) {
  EXPECT_EQ(effects_of("MULTI;INCR a;GET a;EXEC"), "INCR a");
  EXPECT_EQ(effects_of("MULTI;INCR a;SELECT 1;INCR b;SELECT 0;EXEC"),
            "MULTI; INCR a; SELECT 1; INCR b; EXEC");
  EXPECT_EQ(effects_of("MULTI;GET a;EXEC"), "");
}

TEST_F(EffectForms, what_expires_is_removed_first) {
  effects_of("SET k 1 PX 10;HSET h f 1 g 2;HPEXPIRE h 10 FIELDS 1 f");
  server_.now_ms += 20;
  EXPECT_EQ(effects_of("INCR k"), "DEL k; INCR k");
  EXPECT_EQ(effects_of("HSET h f 3"), "HDEL h f; HSET h f 3");
}

// Together, and within the tick of a big hash's index that their time lies in.
TEST_F(EffectForms, expired_fields_go_when_asked_for) {
  const std::string big(100, 'x');
  for (const std::string ask : {"HMGET h f g", "HGETDEL h FIELDS 2 f g", "HGETEX h FIELDS 2 f g",
                                "HEXPIRE h 9 FIELDS 2 f g"}) {
    effects_of("HSET h f " + big + " g v;HPEXPIRE h 1 FIELDS 2 f g");
    server_.now_ms += 2;
    EXPECT_EQ(effects_of(ask), "HDEL h f g") << ask;
    EXPECT_EQ(server_.ask({"EXISTS", "h"}), ":0\r\n") << ask;
    server_.now_ms += 14;
  }
  effects_of("HSET h f " + big + " g v;HPEXPIRE h 1 FIELDS 1 f");
  server_.now_ms += 2;
  EXPECT_EQ(effects_of("HSETEX h FXX FIELDS 1 f v"), "HDEL h f");
}

TEST_F(EffectForms, lazy_removals_are_unlinks) {
  set_lazy(Removal::server, true);
  EXPECT_EQ(effects_of("SADD s m n;SPOP s 5"), "SADD s m n; UNLINK s");
  EXPECT_EQ(effects_of("SET k v;EXPIRE k -1"), "SET k v; DEL k");
  set_lazy(Removal::server, false);
  set_lazy(Removal::expiry, true);
  EXPECT_EQ(effects_of("SET k v;EXPIRE k -1"), "SET k v; UNLINK k");
  EXPECT_EQ(effects_of("SET k v;GETEX k EXAT 1"), "SET k v; UNLINK k");
  effects_of("PSETEX k 5 v");
  server_.now_ms += 10;
  EXPECT_EQ(effects_of("GET k"), "UNLINK k");
  EXPECT_EQ(effects_of("SET k v;GETDEL k"), "SET k v; DEL k");
  set_lazy(Removal::expiry, false);
}

TEST_F(EffectForms, fields_with_times) {
  EXPECT_EQ(effects_of("HSETEX h PX 10 FIELDS 1 f v"),
            "MULTI; HSET h f v; HPEXPIREAT h 1700000000010 FIELDS 1 f; EXEC");
  EXPECT_EQ(effects_of("HINCRBYFLOAT h x 1;HPERSIST h FIELDS 1 f"),
            "HSET h x 1; HPERSIST h FIELDS 1 f");
  EXPECT_EQ(effects_of("HEXPIRE h 1 FIELDS 2 f none"), "HPEXPIREAT h 1700000001000 FIELDS 1 f");
  EXPECT_EQ(effects_of("HGETDEL h FIELDS 2 f none"), "HDEL h f");
  EXPECT_EQ(effects_of("HEXPIRE h 0 FIELDS 1 x"), "HDEL h x");
  // A time that has passed, in words that a replay without a clock understands, too.
  EXPECT_EQ(effects_of("HSETEX new EX 0 FIELDS 2 f v g w"), "HDEL new f g");
  EXPECT_EQ(effects_of("HSET h f v;HSETEX h PXAT 1 FIELDS 2 f v g w"), "HSET h f v; HDEL h f g");
}

// What was written comes back the same, although the times have passed.
TEST_F(EffectForms, replays_without_a_clock) {
  effects_of("SET k 1 PX 10;INCR k");
  Output output;
  ReplyWriter reply(output, 2);
  Session session;
  Dispatcher dispatcher(server_.services(), server_.worker());
  const auto replay = [&](const std::string& line) {
    const std::vector<std::string> words = words_of(line);
    const std::vector<Bytes> args(words.begin(), words.end());
    return dispatcher.replay(args, session, reply);
  };
  EXPECT_EQ(replay("SET old 1 PXAT 1000"), "");
  EXPECT_EQ(replay("INCR old"), "");
  EXPECT_EQ(replay("PEXPIREAT old 2000"), "");
  EXPECT_EQ(output.text_since(0), "+OK\r\n:2\r\n:1\r\n");
  EXPECT_EQ(replay("NONSENSE"), "Unknown command 'NONSENSE'");
  EXPECT_EQ(replay("PING"), "");
  EXPECT_EQ(replay("MULTI"), "");
  EXPECT_EQ(replay("DEL old"), "");
  EXPECT_EQ(replay("EXEC"), "");
  EXPECT_EQ(effects_of("GET old"), "");  // replaying has no effects
}

}  // namespace
}  // namespace larder::effect_forms_test
