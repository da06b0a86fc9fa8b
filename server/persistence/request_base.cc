#include "server/persistence/request_base.h"

#include <algorithm>
#include <array>
#include <deque>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/clock.h"
#include "server/engine/effect_words.h"
#include "server/engine/request_text.h"
#include "storage/rdb/file.h"

namespace larder {
namespace {

// Of one value in a request, as in Redis: who replays it serves others in between.
constexpr size_t kElementsMax = 64;
constexpr size_t kTextBytes = 256 * 1024;

class Requests : public RdbNews {
 public:
  explicit Requests(Sink& out) : out_(out) {}

  void text(Bytes bytes) { text_.append(bytes); }
  void ask(std::initializer_list<Bytes> words) {
    append_request(text_, {words.begin(), words.size()});
  }
  std::string function(Bytes code) override {
    ask({"FUNCTION", "LOAD", "REPLACE", code});
    return "";
  }
  void put(const RdbKey& key);
  // False: the sink takes no more.
  bool flush(size_t bytes_min = 0) {
    if (text_.size() < bytes_min) return true;
    const bool taken = out_.write(text_);
    text_.clear();
    return taken;
  }

 private:
  void put_elements(Bytes command, Bytes key, std::span<const Bytes> elements);
  void put_sorted_set(const RdbKey& key);
  void put_hash(const RdbKey& key);
  void put_stream(const RdbKey& key);
  void put_group(Bytes key, const RdbStream::Group& group);

  Sink& out_;
  std::string text_;
  int64_t db_ = -1;
};

void Requests::put(const RdbKey& key) {
  if (db_ != key.db) {
    db_ = key.db;
    ask({"SELECT", NumberWord(db_)});
  }
  switch (key.value.type) {
    case Type::string:
      ask({"SET", key.name, key.value.string});
      break;
    case Type::list:
      put_elements("RPUSH", key.name, key.value.items);
      break;
    case Type::set:
      put_elements("SADD", key.name, key.value.items);
      break;
    case Type::sorted_set:
      put_sorted_set(key);
      break;
    case Type::hash:
      put_hash(key);
      break;
    case Type::stream:
      put_stream(key);
      break;
  }
  if (key.expiry_ms != kNoExpiry) ask({"PEXPIREAT", key.name, NumberWord(key.expiry_ms)});
}

void Requests::put_elements(Bytes command, Bytes key, std::span<const Bytes> elements) {
  std::vector<Bytes> words;
  while (!elements.empty()) {
    const auto now = elements.first(std::min(elements.size(), kElementsMax));
    words = {command, key};
    words.insert(words.end(), now.begin(), now.end());
    append_request(text_, words);
    elements = elements.subspan(now.size());
  }
}

void Requests::put_sorted_set(const RdbKey& key) {
  std::deque<std::array<char, kDoubleTextMax>> scores;
  std::vector<Bytes> words;
  for (size_t i = 0; i < key.value.items.size(); ++i) {
    char* text = scores.emplace_back().data();
    words.emplace_back(text, format_double(key.value.scores[i], text));
    words.push_back(key.value.items[i]);
  }
  put_elements("ZADD", key.name, words);
}

void Requests::put_hash(const RdbKey& key) {
  put_elements("HSET", key.name, key.value.items);
  for (size_t i = 0; i < key.value.expiries_ms.size(); ++i) {
    const int64_t expiry_ms = key.value.expiries_ms[i];
    if (expiry_ms == kNoExpiry) continue;
    const Bytes field = key.value.items[2 * i];
    ask({"HPEXPIREAT", key.name, NumberWord(expiry_ms), "FIELDS", "1", field});
  }
}

// A stream without entries is one whose entry was trimmed.
void Requests::put_stream(const RdbKey& key) {
  const RdbStream& stream = *key.value.stream;
  std::vector<Bytes> words;
  for (const RdbStream::Entry& entry : stream.entries) {
    const std::string id = entry.id.text();
    const auto fields = std::span(key.value.items).subspan(entry.first, entry.count);
    words = {"XADD", key.name, id};
    words.insert(words.end(), fields.begin(), fields.end());
    append_request(text_, words);
  }
  const std::string last = stream.last_id.text();
  if (stream.entries.empty()) {
    const bool none = stream.last_id == StreamId{};
    ask({"XADD", key.name, "MAXLEN", "0", none ? Bytes("0-1") : Bytes(last), "x", "y"});
  }
  ask({"XSETID", key.name, last, "ENTRIESADDED", NumberWord(stream.entries_added), "MAXDELETEDID",
       stream.max_deleted_id.text()});
  for (const RdbStream::Group& group : stream.groups) put_group(key.name, group);
}

void Requests::put_group(Bytes key, const RdbStream::Group& group) {
  ask({"XGROUP", "CREATE", key, group.name, group.last_id.text(), "ENTRIESREAD",
       NumberWord(group.entries_read)});
  for (const RdbStream::Consumer& consumer : group.consumers) {
    ask({"XGROUP", "CREATECONSUMER", key, group.name, consumer.name});
  }
  for (const RdbStream::Pending& pending : group.pending) {
    ask({"XCLAIM", key, group.name, group.consumers[pending.consumer].name, "0", pending.id.text(),
         "TIME", NumberWord(pending.delivered_ms), "RETRYCOUNT", NumberWord(pending.deliveries),
         "JUSTID", "FORCE"});
  }
}

}  // namespace

std::string write_requests(Source& file, Sink& out, const RequestBaseOptions& options) {
  Requests requests(out);
  if (options.timestamp) requests.text("#TS:" + std::to_string(unix_ms() / 1000) + "\r\n");
  RdbFileReader reader(file, requests, false);
  RdbArena arena;
  RdbKey key;
  while (reader.next(arena, key)) {
    requests.put(key);
    arena.clear();
    if (!requests.flush(kTextBytes)) return "the disk takes no more";
    if (options.stop && options.stop()) return "the server stops";
  }
  if (reader.error().empty() && !requests.flush()) return "the disk takes no more";
  return reader.error();
}

}  // namespace larder
