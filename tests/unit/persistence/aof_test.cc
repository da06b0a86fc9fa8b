// The parts of the append-only file: its manifest, reading, writing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "server/persistence/aof_manifest.h"
#include "server/persistence/aof_reader.h"
#include "server/persistence/aof_writer.h"

namespace larder::aof_test {
namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/larder-aof-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(AofManifest, text_comes_back) {
  AofManifest manifest("appendonly.aof");
  manifest.base = AofFile{"appendonly.aof.1.base.rdb", 1};
  manifest.add_increment();
  manifest.add_increment();
  EXPECT_EQ(manifest.text(),
            "file appendonly.aof.1.base.rdb seq 1 type b\n"
            "file appendonly.aof.1.incr.aof seq 1 type i\n"
            "file appendonly.aof.2.incr.aof seq 2 type i\n");
  AofManifest other("appendonly.aof");
  EXPECT_EQ(other.parse(manifest.text()), "");
  EXPECT_EQ(other.base, manifest.base);
  EXPECT_EQ(other.increments, manifest.increments);
  EXPECT_EQ(other.manifest_name(), "appendonly.aof.manifest");
}

TEST(AofManifest, a_new_base_replaces_what_it_holds) {
  AofManifest manifest("a");
  manifest.base = manifest.next_base(true);
  manifest.add_increment();
  const AofFile kept = manifest.add_increment();
  const AofFile fresh = manifest.next_base(false);
  EXPECT_EQ(fresh.name, "a.2.base.aof");
  manifest.replace_base(fresh, kept);
  EXPECT_EQ(manifest.increments, std::vector<AofFile>{kept});
  ASSERT_EQ(manifest.history.size(), 2U);
  EXPECT_EQ(manifest.history[0].name, "a.1.incr.aof");  // the newest first
  EXPECT_EQ(manifest.history[1].name, "a.1.base.rdb");
  EXPECT_EQ(manifest.add_increment().sequence, 3U);
  EXPECT_EQ(manifest.next_base(true).sequence, 3U);
}

TEST(AofManifest, names_with_spaces_and_unknown_words) {
  AofManifest manifest;
  EXPECT_EQ(manifest.parse("# a remark\nfile \"a b\" seq 1 type b later 5\n"), "");
  EXPECT_EQ(manifest.base->name, "a b");
  EXPECT_EQ(manifest.text(), "file \"a b\" seq 1 type b\n");
}

// As Redis writes them: an appendfilename may be anything that is no path.
TEST(AofManifest, names_with_ends_of_lines_come_back) {
  AofManifest manifest(" file seq \n\n.aof ");
  manifest.base = manifest.next_base(true);
  manifest.add_increment();
  EXPECT_EQ(manifest.text(), "file \" file seq \\n\\n.aof .1.base.rdb\" seq 1 type b\n"
                             "file \" file seq \\n\\n.aof .1.incr.aof\" seq 1 type i\n");
  AofManifest read;
  EXPECT_EQ(read.parse(manifest.text()), "");
  EXPECT_EQ(read.base->name, " file seq \n\n.aof .1.base.rdb");
  EXPECT_EQ(read.increments.at(0).name, " file seq \n\n.aof .1.incr.aof");
}

TEST(AofManifest, says_which_line_is_wrong) {
  const std::string quotes = "file '" + std::string(600, '"') + "' seq 1 type i\n";
  const std::pair<const char*, const char*> cases[] = {
      {"", "Found an empty AOF manifest"},
      {"# only\n", "Found an empty AOF manifest"},
      {"file a seq 1 type b\nfile b seq 2 type b\n",
       "line 2: Found duplicate base file information"},
      {"file a seq 1\n", "line 1: Invalid AOF manifest file format"},
      {"file a seq 1 type b\n\n", "line 2: Invalid AOF manifest file format"},
      {"filx a seq 1 type b\n", "line 1: Invalid AOF manifest file format"},
      {"file a seq x type b\n", "line 1: Invalid AOF manifest file format"},
      {"file a/b seq 1 type b\n", "line 1: a file's name must not be a path"},
      {"file a seq 1 type x\n", "line 1: Unknown AOF file type"},
      {"file a seq 18446744073709551615 type i\n", "line 1: the file's number is out of range"},
      {"file \"a\\x00b\" seq 1 type i\n", "line 1: a file's name must not have a zero byte"},
      {quotes.c_str(), "line 1: the file's name is too long"},
      {"file a seq 2 type i\nfile b seq 2 type i\n",
       "line 2: Found a non-monotonic sequence number"}};
  for (const auto& [text, error] : cases) {
    AofManifest manifest;
    EXPECT_EQ(manifest.parse(text), error);
  }
}

class AofReaderTest : public testing::Test {
 protected:
  // Every request of a text, joined, then how it ended and where.
  std::string read(const std::string& text) {
    const std::string path = folder_.file("x");
    Descriptor out(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    EXPECT_EQ(write_all(out.get(), text), text.size());
    const Descriptor in(::open(path.c_str(), O_RDONLY));
    AofReader reader(in.get());
    std::string seen;
    while (true) {
      const AofReader::Outcome outcome = reader.next();
      if (outcome != AofReader::Outcome::request) {
        const char* const names[] = {"", "end", "truncated", "broken"};
        return seen + names[static_cast<int>(outcome)] + " " + std::to_string(reader.offset()) +
               (outcome == AofReader::Outcome::broken ? " " + reader.error() : "");
      }
      for (const Bytes arg : reader.args()) seen.append(arg).append(" ");
    }
  }
  Folder folder_;
};

TEST_F(AofReaderTest, requests_and_annotations) {
  EXPECT_EQ(read(""), "end 0");
  EXPECT_EQ(read("*1\r\n$4\r\nPING\r\n"), "PING end 14");
  EXPECT_EQ(read("#TS:1\r\n*2\r\n$1\r\na\r\n$0\r\n\r\n#TS:2\r\n"), "a  end 31");
}

// Cut anywhere, it is the end that is missing, and what is whole is known.
TEST_F(AofReaderTest, a_missing_end) {
  const std::string whole = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    EXPECT_EQ(read(whole + whole.substr(0, cut)), "DEL k truncated 20") << cut;
  }
  EXPECT_EQ(read(whole + "#TS:17"), "DEL k truncated 20");
  EXPECT_EQ(read("*1\r\n$1000000000000\r\nx"), "truncated 0");
}

TEST_F(AofReaderTest, a_broken_middle) {
  EXPECT_EQ(read("PING\r\n"), "broken 0 at offset 0: '*' is missing");
  EXPECT_EQ(read("*1\r\nPING\r\n"), "broken 0 at offset 4: '$' is missing");
  EXPECT_EQ(read("*x\r\n"), "broken 0 at offset 0: the length makes no sense");
  EXPECT_EQ(read("*0\r\n"), "broken 0 at offset 0: the request is empty");
  EXPECT_EQ(read("*1\r\n$-1\r\n"), "broken 0 at offset 4: the length makes no sense");
  EXPECT_EQ(read("*1\r\n$1\r\nabc\r\n"),
            "broken 0 at offset 9: \\r\\n is missing behind an argument");
  EXPECT_EQ(read("*1\n$1\r\na\r\n"), "broken 0 at offset 0: the line has no \\r\\n");
}

TEST_F(AofReaderTest, values_larger_than_what_is_read_at_once) {
  const std::string value(3'000'000, 'v');
  const std::string request = "*2\r\n$3\r\nSET\r\n$3000000\r\n" + value + "\r\n";
  EXPECT_EQ(read(request + request), "SET " + value + " SET " + value + " end " +
                                         std::to_string(2 * request.size()));
}

class AofWriterTest : public testing::Test {
 protected:
  static Descriptor open_file(const std::string& path) {
    return Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  }
  static std::string contents(const std::string& path) { return read_file(path).value_or(""); }
  template <typename Condition>
  static bool becomes(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
  std::unique_ptr<AofWriter> make(const std::string& path) {
    return std::make_unique<AofWriter>(
        log_.open_reader(log_.end_offset(), {.sees = EffectFor::file}), log_, open_file(path),
        AofWriter::Events{.safe = [this](uint64_t offset) { safe_ = offset; },
                          .trouble = [this](const std::string& error) { trouble_ = error; },
                          .lost = [this](const std::string&) { ++losses_; },
                          .tick = [] {}});
  }
  uint64_t append(Bytes word) {
    const uint64_t end = log_.append(kNoDatabase, std::vector<Bytes>{word});
    log_.wake_readers();
    return end;
  }

  Folder folder_;
  EffectLog log_;
  std::atomic<uint64_t> safe_{0};
  std::string trouble_;
  std::atomic<int> troubles_{0};
  std::atomic<int> losses_{0};
};

TEST_F(AofWriterTest, what_is_safe_is_written) {
  const std::string path = folder_.file("a");
  auto writer = make(path);
  writer->set_sync(AofSync::always);
  const uint64_t end = append("one");
  EXPECT_TRUE(becomes([&] { return safe_ == end; }));
  EXPECT_EQ(contents(path), "*1\r\n$3\r\none\r\n");
  EXPECT_EQ(writer->synced_offset(), end);
}

// A pipe can't be synced; then a file takes its place, which can.
TEST_F(AofWriterTest, a_sync_that_works_again_does_not_make_up_for_one_that_failed) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Descriptor reads(ends[0]);
  const std::string path = folder_.file("a");
  Descriptor pipe(ends[1]);
  auto writer = std::make_unique<AofWriter>(
      log_.open_reader(log_.end_offset(), {.sees = EffectFor::file}), log_, std::move(pipe),
      AofWriter::Events{.safe = [this](uint64_t offset) { safe_ = offset; },
                        .trouble = [this](const std::string&) { ++troubles_; },
                        .lost = [this](const std::string&) { ++losses_; },
                        .tick = [] {}});
  writer->set_sync(AofSync::always);
  const uint64_t before = writer->synced_offset();
  append("one");
  ASSERT_TRUE(becomes([&] { return troubles_ > 0; }));
  const Descriptor file = open_file(path);
  ASSERT_GE(::dup2(file.get(), ends[1]), 0);
  EXPECT_TRUE(becomes([&] { return losses_ > 0; }));
  EXPECT_EQ(writer->synced_offset(), before);
  writer.reset();
  EXPECT_EQ(safe_, 0U);
}

TEST_F(AofWriterTest, all_is_written_at_the_end) {
  const std::string path = folder_.file("a");
  auto writer = make(path);
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    append(std::to_string(10'000 + i));
    expected += "*1\r\n$5\r\n" + std::to_string(10'000 + i) + "\r\n";
  }
  writer.reset();
  EXPECT_EQ(contents(path), expected);
}

TEST_F(AofWriterTest, bytes_from_a_border_on_go_to_another_file) {
  const std::string first = folder_.file("a");
  const std::string second = folder_.file("b");
  auto writer = make(first);
  append("before");
  writer->switch_at(log_.end_offset(), open_file(second), "*1\r\n$4\r\nPING\r\n");
  append("after");
  writer.reset();
  EXPECT_EQ(contents(first), "*1\r\n$6\r\nbefore\r\n");
  EXPECT_EQ(contents(second), "*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nafter\r\n");
}

TEST_F(AofWriterTest, notes_the_time_between_records) {
  const std::string path = folder_.file("a");
  auto writer = make(path);
  writer->set_timestamps(true);
  append("x");
  writer.reset();
  const std::string text = contents(path);
  EXPECT_TRUE(text.starts_with("#TS:"));
  EXPECT_TRUE(text.ends_with("\r\n*1\r\n$1\r\nx\r\n"));
}

}  // namespace
}  // namespace larder::aof_test
