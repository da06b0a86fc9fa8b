#include "server/engine/effects.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace larder::effects_test {
namespace {

using Words = std::vector<Bytes>;

std::string all_of(EffectLog::Reader& reader) {
  std::string text;
  while (true) {
    const EffectLog::Piece piece = reader.next();
    if (piece.bytes.empty()) return text;
    text += piece.bytes;
  }
}

TEST(EffectLog, costs_nothing_without_readers) {
  EffectLog log;
  EXPECT_FALSE(log.active());
  log.append(0, Words{"SET", "k", "v"});
  EXPECT_EQ(log.end_offset(), 0U);
  EXPECT_EQ(log.retained_bytes(), 0U);
}

TEST(EffectLog, selects_where_the_database_changes) {
  EffectLog log;
  auto reader = log.open_reader(0, {});
  log.append(0, Words{"DEL", "a"});
  log.append(0, Words{"DEL", "b"});
  const uint64_t end = log.append(3, Words{"DEL", ""});
  EXPECT_EQ(all_of(*reader),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"
            "*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
            "*2\r\n$3\r\nDEL\r\n$0\r\n\r\n");
  EXPECT_EQ(reader->offset(), end);
  log.select_again();
  log.append(3, Words{"DEL", "c"});
  EXPECT_EQ(all_of(*reader), "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$3\r\nDEL\r\n$1\r\nc\r\n");
}

TEST(EffectLog, wraps_several_effects) {
  EffectLog log;
  auto reader = log.open_reader(0, {});
  EffectBatch batch;
  batch.add(0, Words{"PING"});
  log.append(batch);
  EXPECT_EQ(all_of(*reader), "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n");
  batch.add(0, Words{"QUIT"});
  log.append(batch);
  EXPECT_EQ(all_of(*reader),
            "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n"
            "*1\r\n$4\r\nEXEC\r\n");
  batch.clear();
  batch.add(3, Words{"PING"});
  batch.add(3, Words{"QUIT"});
  log.append(batch);
  EXPECT_EQ(all_of(*reader),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$5\r\nMULTI\r\n"
            "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nEXEC\r\n");
}

TEST(EffectLog, leaves_out_what_is_for_replicas_only) {
  EffectLog log;
  auto file = log.open_reader(0, {.sees = EffectFor::file});
  auto replica = log.open_reader(0, {});
  log.append(kNoDatabase, Words{"PUBLISH", "a", "1"}, EffectFor::replicas);
  log.append(kNoDatabase, Words{"A"});
  log.append(kNoDatabase, Words{"PUBLISH", "a", "2"}, EffectFor::replicas);
  log.append(kNoDatabase, Words{"PUBLISH", "a", "3"}, EffectFor::replicas);
  EXPECT_EQ(all_of(*file), "*1\r\n$1\r\nA\r\n");
  EXPECT_EQ(file->offset(), log.end_offset());
  EXPECT_EQ(all_of(*replica).size(), log.end_offset());
}

// Offsets are the same for everybody, so replicas get those bytes, too, but run nothing.
TEST(EffectLog, wraps_what_is_for_the_file_only) {
  EffectLog log;
  auto file = log.open_reader(0, {.sees = EffectFor::file});
  auto replica = log.open_reader(0, {});
  EffectBatch batch;
  batch.add(kNoDatabase, Words{"A"}, EffectFor::file);
  batch.add(kNoDatabase, Words{"B"}, EffectFor::nobody);
  log.append(batch);
  batch.clear();
  EXPECT_EQ(all_of(*file), "*1\r\n$1\r\nA\r\n");
  EXPECT_EQ(file->offset(), log.end_offset());
  EXPECT_EQ(all_of(*replica), "*2\r\n$4\r\nPING\r\n$11\r\n*1\r\n$1\r\nA\r\n\r\n");
  batch.add(kNoDatabase, Words{"B"}, EffectFor::nobody);
  EXPECT_TRUE(batch.empty());
}

// Records of any size, those too that have a block of their own, arrive as they were put in.
TEST(EffectLog, carries_records_over_blocks) {
  EffectLog log;
  auto reader = log.open_reader(0, {});
  std::string expected;
  for (size_t i = 1; i < 400; ++i) {
    const std::string value(i * 37 % 100 == 0 ? 70'000 : i * 5, static_cast<char>('a' + i % 26));
    log.append(kNoDatabase, Words{value});
    expected += "*1\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  EXPECT_EQ(log.end_offset(), expected.size());
  std::string read(expected.size(), '\0');
  size_t at = 0;
  while (const size_t count = reader->read_some(read.data() + at, 1000)) at += count;
  EXPECT_EQ(read, expected);
}

TEST(EffectLog, keeps_little_more_than_a_small_backlog) {
  EffectLog log;
  log.keep_backlog(true);
  log.set_backlog_bytes(16 * 1024);
  const std::string value(1000, 'x');
  for (int i = 0; i < 200; ++i) log.append(0, Words{value});
  const uint64_t kept = log.end_offset() - log.begin_offset();
  EXPECT_GE(kept, 16U * 1024);
  EXPECT_LE(kept, 16U * 1024 + 2 * EffectLog::kLeastBlockBytes);
}

TEST(EffectLog, keeps_the_backlog_and_no_more) {
  EffectLog log;
  log.keep_backlog(true);
  log.set_backlog_bytes(1 << 20);
  const std::string value(1000, 'x');
  for (int i = 0; i < 5000; ++i) log.append(0, Words{value});
  const uint64_t end = log.end_offset();
  EXPECT_LE(log.begin_offset(), end - (1 << 20));
  EXPECT_GE(log.begin_offset(), end - (1 << 20) - 2 * EffectLog::kBlockBytes);
  EXPECT_EQ(log.open_reader(log.begin_offset() - 1, {}), nullptr);
  EXPECT_EQ(log.open_reader(end + 1, {}), nullptr);
  auto reader = log.open_reader(end - 5000, {});
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(all_of(*reader).size(), 5000U);
  reader.reset();
  log.keep_backlog(false);
  EXPECT_FALSE(log.active());
  EXPECT_EQ(log.retained_bytes(), 0U);
  EXPECT_EQ(log.end_offset(), end);
}

TEST(EffectLog, loses_readers_that_are_too_slow) {
  EffectLog log;
  auto slow = log.open_reader(0, {.lag_bytes_max = 1 << 20});
  auto patient = log.open_reader(0, {});
  bool woken = false;
  slow->set_waker([&] { woken = true; });
  EXPECT_FALSE(slow->wake_when(SIZE_MAX / 2));
  const std::string value(1000, 'x');
  for (int i = 0; i < 3000; ++i) log.append(0, Words{value});
  log.wake_readers();
  EXPECT_TRUE(woken);
  EXPECT_TRUE(slow->lost());
  EXPECT_TRUE(slow->next().bytes.empty());
  EXPECT_TRUE(slow->fell_behind());
  EXPECT_FALSE(patient->lost());
  EXPECT_EQ(all_of(*patient).size(), log.end_offset());
}

TEST(EffectLog, gives_replicas_nothing_of_the_next_history) {
  EffectLog log;
  auto replica = log.open_reader(0, {});
  auto file = log.open_reader(0, {.sees = EffectFor::file});
  bool woken = false;
  replica->set_waker([&] { woken = true; });
  EXPECT_FALSE(replica->wake_when());
  log.end_replicas();
  log.append_raw("new", 0);
  log.wake_readers();
  EXPECT_TRUE(woken);
  EXPECT_TRUE(replica->lost());
  EXPECT_FALSE(replica->fell_behind());
  EXPECT_TRUE(replica->next().bytes.empty());
  EXPECT_EQ(all_of(*file), "new");
}

TEST(EffectLog, wakes_once_when_enough_is_there) {
  EffectLog log;
  auto reader = log.open_reader(0, {});
  int woken = 0;
  reader->set_waker([&] { ++woken; });
  EXPECT_FALSE(reader->wake_when(40));
  log.append(kNoDatabase, Words{"0123456789"});
  log.wake_readers();
  EXPECT_EQ(woken, 0);
  log.append(kNoDatabase, Words{"0123456789"});
  log.append(kNoDatabase, Words{"0123456789"});
  log.wake_readers();
  log.wake_readers();
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(reader->wake_when(40));
}

TEST(EffectLog, goes_on_at_another_offset) {
  EffectLog log;
  log.append_raw("abc", 0);  // counted though nobody reads
  EXPECT_EQ(log.end_offset(), 3U);
  auto old = log.open_reader(3, {});
  log.append_raw("def", 0);
  log.restart_at(1000);
  EXPECT_TRUE(old->lost());
  auto fresh = log.open_reader(1000, {});
  EXPECT_EQ(log.db(), kNoDatabase);
  log.append_raw("ghi", 3);
  EXPECT_EQ(log.db(), 3U);
  EXPECT_EQ(all_of(*fresh), "ghi");
  EXPECT_EQ(log.end_offset(), 1003U);
}

// Records of several threads never mix, and each thread's come in its order.
TEST(EffectLog, takes_records_from_many_threads) {
  EffectLog log;
  auto reader = log.open_reader(0, {});
  constexpr int kThreads = 4;
  constexpr int kRecords = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < kRecords; ++i) {
        log.append(kNoDatabase, Words{std::to_string(t), std::to_string(i)});
        log.wake_readers();
      }
    });
  }
  std::string text;
  std::atomic<bool> over{false};
  std::thread reading([&] {
    while (!over) text += all_of(*reader);
    text += all_of(*reader);
  });
  for (auto& thread : threads) thread.join();
  over = true;
  reading.join();
  std::vector<int> next(kThreads, 0);
  size_t at = 0;
  while (at < text.size()) {
    ASSERT_EQ(text.substr(at, 6), "*2\r\n$1");
    const auto thread = static_cast<size_t>(text[at + 8] - '0');
    const auto length = static_cast<size_t>(text[at + 12] - '0');
    ASSERT_EQ(std::stoi(text.substr(at + 15, length)), next[thread]++);
    at += 15 + length + 2;
  }
  EXPECT_EQ(next, std::vector<int>(kThreads, kRecords));
}

}  // namespace
}  // namespace larder::effects_test
