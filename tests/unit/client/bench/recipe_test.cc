#include "client/bench/recipe.h"

#include <gtest/gtest.h>

#include "client/bench/workload.h"
#include "client/request.h"

namespace larder::bench::recipe_test {
namespace {

class RecipeTest : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  std::string written(const Result<Recipe, std::string>& recipe) {
    if (!recipe) return "bad: " + recipe.error();
    Output out;
    last_key_ = recipe->append(out, fillings_);
    Bytes whole;
    out.gather(&whole, 1);
    return std::string(whole);
  }
  std::string resp(const Words& words) { return written(Recipe::of_resp(words, names_)); }
  std::string memcached(const Words& words) { return written(Recipe::of_memcached(words, names_)); }
  static std::string request(std::initializer_list<Bytes> words) {
    Pipeline pipeline;
    pipeline.add(words);
    return std::string(pipeline.bytes());
  }
  std::string value(uint64_t key) const {
    std::string value(values_.size_of(key), ' ');
    values_.write(key, value.size(), value.data());
    return value;
  }

  KeyNames names_{.prefix = "key:", .first = 5, .digits = 4};
  Values values_{{10, 300}, {}};
  Picker in_order_{{Distribution::Kind::sequential}, 100};
  Fillings fillings_{names_, values_, {}, in_order_, in_order_, Random(1)};
  uint64_t last_key_ = 0;
};

TEST_F(RecipeTest, is_the_request_that_the_client_would_write) {
  EXPECT_EQ(resp({"PING"}), request({"PING"}));
  EXPECT_EQ(resp({"GET", "__key__"}), request({"GET", "key:0005"}));
  EXPECT_EQ(resp({"SET", "__key__", "__data__", "PX", "9"}),
            request({"SET", "key:0006", value(1), "PX", "9"}));
  EXPECT_EQ(last_key_, 1u);
  EXPECT_EQ(resp({"SMOVE", "{__key__}:a", "__key__x__key__", ""}),
            request({"SMOVE", "{key:0007}:a", "key:0008xkey:0009", ""}));
}

TEST_F(RecipeTest, each_data_belongs_to_the_key_before_it) {
  EXPECT_EQ(resp({"MSET", "__key__", "__data__", "__key__", "__data__"}),
            request({"MSET", "key:0005", value(0), "key:0006", value(1)}));
}

TEST_F(RecipeTest, numbers_and_expiries) {
  fillings_.ttl = {2500, 2500};
  EXPECT_EQ(resp({"ZADD", "z", "__number__", "__key__"}), request({"ZADD", "z", "0", "key:0005"}));
  EXPECT_EQ(resp({"EXPIRE", "__key__", "__ttl__"}), request({"EXPIRE", "key:0006", "2"}));
  EXPECT_EQ(resp({"PEXPIRE", "__key__", "__pttl__"}), request({"PEXPIRE", "key:0007", "2500"}));
  fillings_.ttl = {1, 1};
  EXPECT_EQ(resp({"EXPIRE", "k", "__ttl__"}), request({"EXPIRE", "k", "1"})) << "0 would delete";
}

TEST_F(RecipeTest, misspelt_places_are_told) {
  for (const char* bad : {"__kye__", "a__data__", "__key____ttl__", "x__number__"}) {
    EXPECT_EQ(resp({"GET", bad}).substr(0, 4), "bad:") << bad;
  }
  EXPECT_EQ(resp({"GET", "a__b"}), request({"GET", "a__b"}));
}

TEST_F(RecipeTest, memcached) {
  EXPECT_EQ(memcached({"GET", "__key__"}), "get key:0005\r\n");
  EXPECT_EQ(memcached({"SET", "__key__", "__data__"}),
            "set key:0006 0 0 " + std::to_string(value(1).size()) + "\r\n" + value(1) + "\r\n");
  fillings_.ttl = {7000, 7000};
  EXPECT_EQ(memcached({"SET", "__key__", "__data__", "PX", "__pttl__"}).substr(0, 17),
            "set key:0007 0 7 ");
  EXPECT_EQ(memcached({"INCR", "__key__"}).substr(0, 4), "bad:");
}

TEST(Values, are_known_from_the_key_alone) {
  const Values ours({0, 100}, {Distribution::Kind::zipf, 0.5});
  const Values others({0, 100}, {Distribution::Kind::zipf, 0.5});
  size_t least = 100, most = 0;
  for (uint64_t key = 0; key < 2000; ++key) {
    std::string value(ours.size_of(key), ' ');
    ours.write(key, value.size(), value.data());
    EXPECT_TRUE(others.matches(key, value));
    EXPECT_FALSE(others.matches(key, value + "x"));
    if (value.size() >= 8) {
      EXPECT_FALSE(others.matches(key + 1, value));
      value.back() = '?';
      EXPECT_FALSE(others.matches(key, value));
    }
    least = std::min(least, value.size());
    most = std::max(most, value.size());
  }
  EXPECT_EQ(least, 0u);
  EXPECT_EQ(most, 100u);
}

TEST(Values, sizes_are_read) {
  EXPECT_EQ(parse_size_range("64")->last, 64u);
  EXPECT_EQ(parse_size_range("16-4096")->first, 16u);
  EXPECT_EQ(parse_size_range("536870912")->first, 536870912u);
  for (const Bytes bad : {"", "-", "1-", "-1", "5-4", "x", "1-2-3", "536870913", "1k"}) {
    EXPECT_FALSE(parse_size_range(bad)) << bad;
  }
}

// Threads that share a sequence leave nothing out and do nothing twice.
TEST(Workload, a_fill_is_divided) {
  BenchOptions options;
  options.keys = 10;
  options.names.digits = 2;
  const auto fill = make_fill(options);
  ASSERT_TRUE(fill);
  std::vector<int> seen(10);
  for (unsigned thread = 0; thread < 3; ++thread) {
    const auto source = (*fill)->source(thread, 3);
    Output out;
    Ticket ticket;
    for (int i = 0; i < (thread == 2 ? 4 : 3); ++i) {
      EXPECT_TRUE(source->next(out, ticket));
      ++seen.at(ticket.key);
    }
  }
  EXPECT_EQ(seen, std::vector<int>(10, 1));
}

TEST(Workload, commands_come_by_weight) {
  BenchOptions options;
  options.names.digits = 7;
  options.mix = *parse_commands("SET __key__ __data__:1,GET __key__:3,GET a:4");
  const auto workload = make_workload(options);
  ASSERT_TRUE(workload);
  const auto source = (*workload)->source(0, 1);
  std::vector<int> seen(3);
  for (int i = 0; i < 8000; ++i) {
    Output out;
    Ticket ticket;
    source->next(out, ticket);
    ++seen.at(ticket.command);
  }
  EXPECT_NEAR(seen[0], 1000, 120);
  EXPECT_NEAR(seen[1], 3000, 200);
  EXPECT_TRUE(source->expects({1, 2}, "anything")) << "not a whole key: nobody can know";
  EXPECT_FALSE(source->expects({1, 1}, "anything"));
}

TEST(Workload, an_expiry_without_a_range) {
  BenchOptions options;
  options.mix = *parse_commands("SET __key__ __data__ EX __ttl__");
  EXPECT_EQ(make_workload(options).error(), "'SET __key__ __data__ EX __ttl__' needs --ttl");
}

}  // namespace
}  // namespace larder::bench::recipe_test
