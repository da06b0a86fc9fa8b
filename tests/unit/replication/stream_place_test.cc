#include "server/replication/stream_place.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "server/replication/history.h"

namespace larder::stream_place_test {
namespace {

const std::string kId(kReplicationIdBytes, 'a');

TEST(StreamPlace, IsFoundInAFilesFactsOnce) {
  int found = 0;
  StreamPlace place;
  PlaceFinder finder([&](const StreamPlace& there) {
    ++found;
    place = there;
  });
  finder.fact("redis-ver", "7.0.15");
  finder.fact("repl-stream-db", "3");
  finder.fact("repl-id", kId);
  EXPECT_EQ(found, 0);
  finder.fact("repl-offset", "1234");
  finder.fact("ctime", "1");
  EXPECT_EQ(found, 1);
  EXPECT_EQ(place.id, kId);
  EXPECT_EQ(place.offset, 1234U);
  EXPECT_EQ(place.db, 3U);
}

TEST(StreamPlace, NonsenseIsNoPlace) {
  bool found = false;
  PlaceFinder finder([&](const StreamPlace&) { found = true; });
  finder.fact("repl-id", "short");
  finder.fact("repl-offset", "1234");
  finder.fact("repl-id", kId);
  finder.fact("repl-offset", "-1");
  EXPECT_TRUE(found) << "the first offset still counts";
  PlaceFinder other([](const StreamPlace&) { FAIL(); });
  other.fact("repl-id", kId);
  other.fact("repl-offset", "much");
}

TEST(StreamPlace, FilesSayTheEndOfTheStream) {
  EffectLog log;
  log.keep_backlog(true);
  const Bytes words[] = {"SET", "k", "v"};
  log.append(2, words);
  const RdbFacts facts = facts_of_stream(log, kId);
  std::optional<StreamPlace> place;
  PlaceFinder finder([&](const StreamPlace& there) { place = there; });
  for (const auto& [name, value] : facts) finder.fact(name, value);
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->offset, log.end_offset());
  EXPECT_EQ(facts.front().second, "2") << "the next record selects nothing";
  EXPECT_EQ(log.db(), 2U);
  log.set_follows(true);
  log.append_raw("*1\r\n$4\r\nPING\r\n", 5);
  EXPECT_EQ(facts_of_stream(log, kId).front().second, "5");
  EXPECT_EQ(log.db(), 5U);
}

}  // namespace
}  // namespace larder::stream_place_test
