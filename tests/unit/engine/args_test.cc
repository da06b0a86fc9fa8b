#include "server/engine/args.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/lone_server.h"

namespace larder::args_test {
namespace {

// A command whose handler is the test's.
std::function<Status(Call&)> handler;

Status run_handler(Call& call) {
  const Status status = handler(call);
  if (!status.is_ok()) return Status::error(std::string(status.text()));
  call.reply().ok();
  return Status::ok();
}

constexpr auto kFamily = family({CommandSpec{.name = "TRY",
                                             .summary = "Runs the test.",
                                             .since = "1",
                                             .group = "test",
                                             .arity = at_least(1),
                                             .run = run_handler}});

std::string try_args(const std::vector<std::string>& args,
                     const std::function<Status(Call&)>& work) {
  LoneServer server([](Registry& registry) { registry.add(kFamily); });
  handler = work;
  std::vector<std::string> words{"TRY"};
  words.insert(words.end(), args.begin(), args.end());
  return server.ask(words);
}

// What reading the arguments in `read` ends with.
std::string error_of(const std::vector<std::string>& args,
                     const std::function<void(Args&, Call&)>& read) {
  return try_args(args, [&](Call& call) {
    Args reader(call);
    read(reader, call);
    return reader.error();
  });
}

const std::string kOk = "+OK\r\n";
const std::string kSyntaxReply = "-ERR syntax error\r\n";
const std::string kNumberReply = "-ERR value is not an integer or out of range\r\n";

TEST(Args, reads_in_order) {
  EXPECT_EQ(error_of({"a", "-5", "2.5", "left"},
                     [](Args& args, Call&) {
                       EXPECT_EQ(args.bytes(), "a");
                       EXPECT_EQ(args.integer(), -5);
                       EXPECT_EQ(args.number(), 2.5);
                       EXPECT_TRUE(args.more());
                       EXPECT_EQ(args.left(), 1U);
                       EXPECT_EQ(args.peek(), "left");
                       args.skip();
                       EXPECT_FALSE(args.more());
                     }),
            kOk);
}

TEST(Args, the_first_mistake_is_the_answer) {
  EXPECT_EQ(error_of({"x", "1.5.5"},
                     [](Args& args, Call&) {
                       EXPECT_EQ(args.integer(), 0);
                       EXPECT_EQ(args.number(), 0);
                       EXPECT_FALSE(args.more()) << "nothing is read behind a mistake";
                     }),
            kNumberReply);
}

TEST(Args, what_is_missing_is_a_syntax_error) {
  EXPECT_EQ(error_of({}, [](Args& args, Call&) { EXPECT_EQ(args.bytes(), ""); }), kSyntaxReply);
  EXPECT_EQ(error_of({}, [](Args& args, Call&) { args.key(); }), kSyntaxReply);
  EXPECT_EQ(error_of({}, [](Args& args, Call&) { args.integer(); }), kSyntaxReply);
}

TEST(Args, integers_within_bounds) {
  const auto error = [](const std::string& text) {
    return error_of({text}, [](Args& args, Call&) { args.integer_in(0, 10, "ERR out"); });
  };
  EXPECT_EQ(error("0"), kOk);
  EXPECT_EQ(error("10"), kOk);
  EXPECT_EQ(error("11"), "-ERR out\r\n");
  EXPECT_EQ(error("-1"), "-ERR out\r\n");
  EXPECT_EQ(error("x"), "-ERR out\r\n");
}

TEST(Args, a_late_mistake_gives_way_to_any_other) {
  EXPECT_EQ(error_of({},
                     [](Args& args, Call&) {
                       args.fail_late("ERR late");
                       EXPECT_FALSE(args.ok());
                       EXPECT_TRUE(args.syntax_ok());
                     }),
            "-ERR late\r\n");
  EXPECT_EQ(error_of({},
                     [](Args& args, Call&) {
                       args.fail_late("ERR late");
                       args.reject();
                     }),
            kSyntaxReply);
}

enum class Side { left, right };

std::string sides(const std::vector<std::string>& words) {
  return error_of(words, [](Args& args, Call&) {
    std::optional<Side> side;
    while (args.more()) {
      if (!args.take_one_of<Side>(side, {{"LEFT", Side::left}, {"RIGHT", Side::right}})) {
        args.reject();
      }
    }
  });
}

TEST(Args, one_of_several_words) {
  EXPECT_EQ(sides({"left"}), kOk);
  EXPECT_EQ(sides({"LeFt", "LEFT"}), kOk);
  EXPECT_EQ(sides({"LEFT", "RIGHT"}), kSyntaxReply);
  EXPECT_EQ(sides({"UP"}), kSyntaxReply);
}

TEST(Args, a_word_with_a_value_needs_the_value) {
  EXPECT_EQ(error_of({"COUNT"},
                     [](Args& args, Call&) {
                       EXPECT_FALSE(args.take_with_value("COUNT"));
                       EXPECT_TRUE(args.take("COUNT"));
                     }),
            kOk);
}

// Expiry options, as SET and GETEX read them. Returns the error, or the time they mean.
std::string expiry(const std::vector<std::string>& words, bool persist = false) {
  std::string seen;
  const std::string reply = error_of(words, [&](Args& args, Call& call) {
    ExpiryOption option;
    while (args.more()) {
      if (!take_expiry(args, option, call, "try", persist)) args.reject();
    }
    if (option.kind == ExpiryOption::Kind::at) seen = std::to_string(option.at_ms - call.now_ms());
    if (option.kind == ExpiryOption::Kind::keep) seen = "keep";
    if (option.kind == ExpiryOption::Kind::persist) seen = "persist";
  });
  return reply == kOk ? seen : reply;
}

TEST(TakeExpiry, all_forms) {
  EXPECT_EQ(expiry({"EX", "10"}), "10000");
  EXPECT_EQ(expiry({"px", "10"}), "10");
  EXPECT_EQ(expiry({"EXAT", "1700000001"}), "1000");
  EXPECT_EQ(expiry({"PXAT", "1700000000001"}), "1");
  EXPECT_EQ(expiry({"KEEPTTL"}), "keep");
  EXPECT_EQ(expiry({"PERSIST"}, true), "persist");
  EXPECT_EQ(expiry({"PERSIST"}), kSyntaxReply);
  EXPECT_EQ(expiry({"KEEPTTL"}, true), kSyntaxReply);
  EXPECT_EQ(expiry({}), "");
}

TEST(TakeExpiry, at_most_one) {
  EXPECT_EQ(expiry({"EX", "10", "EX", "20"}), "20000");
  EXPECT_EQ(expiry({"EX", "10", "PX", "20"}), kSyntaxReply);
  EXPECT_EQ(expiry({"EX", "10", "KEEPTTL"}), kSyntaxReply);
  EXPECT_EQ(expiry({"EX"}), kSyntaxReply);
}

TEST(TakeExpiry, bad_times) {
  const std::string invalid = "-ERR invalid expire time in 'try' command\r\n";
  EXPECT_EQ(expiry({"EX", "x"}), kNumberReply);
  for (const char* word : {"EX", "PX", "EXAT", "PXAT"}) {
    EXPECT_EQ(expiry({word, "0"}), invalid);
    EXPECT_EQ(expiry({word, "-1"}), invalid);
  }
  EXPECT_EQ(expiry({"EX", "9223372036854775807"}), invalid);
  EXPECT_EQ(expiry({"EX", "9223372036854775"}), invalid) << "overflows with the time of day";
  EXPECT_EQ(expiry({"PX", "9223372036854775807"}), invalid);
  EXPECT_EQ(expiry({"EX", "x", "FOO"}), kSyntaxReply);
}

}  // namespace
}  // namespace larder::args_test
