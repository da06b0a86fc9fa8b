// What Redis's string and key commands mean, written as plainly as possible: a std::map. The
// replies are the bytes of RESP2.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace larder {

class StringModel {
 public:
  using Words = std::vector<std::string>;

  explicit StringModel(int64_t now_ms) : now_ms_(now_ms) {}

  void set_now(int64_t now_ms) { now_ms_ = now_ms; }
  // Runs one of the commands that `knows` and returns its reply.
  std::string ask(const Words& words);
  static bool knows(const std::string& name) { return table().count(name) != 0; }
  static std::vector<std::string> commands();
  // Keys that are there now.
  size_t size();

 private:
  struct Value {
    std::string text;
    int64_t expiry_ms = -1;  // none
  };
  using Handler = std::string (StringModel::*)(const Words&);
  static const std::map<std::string, Handler>& table();

  Value* find(const std::string& key);
  std::string set(const Words& words);
  std::string get(const Words& words);
  std::string getdel(const Words& words);
  std::string strlen(const Words& words);
  std::string append(const Words& words);
  std::string setrange(const Words& words);
  std::string getrange(const Words& words);
  std::string incrby(const Words& words);
  std::string del(const Words& words);
  std::string exists(const Words& words);
  std::string rename(const Words& words);
  std::string copy(const Words& words);
  std::string pexpire(const Words& words);
  std::string persist(const Words& words);
  std::string pttl(const Words& words);
  std::string mset(const Words& words);
  std::string mget(const Words& words);
  std::string setbit(const Words& words);
  std::string getbit(const Words& words);
  std::string flushall(const Words& words);

  int64_t now_ms_;
  std::map<std::string, Value> values_;
};

}  // namespace larder
