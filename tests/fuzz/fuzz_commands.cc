// Random commands on few keys through the dispatcher and through a std::map: the same replies, and
// a store that is whole after each.
#include <cstdio>

#include "base/check.h"
#include "server/admin/all_commands.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/string_model.h"
#include "tests/support/lone_server.h"

namespace larder {
namespace {

using Words = StringModel::Words;

// Few, so that commands meet. One is longer than a length of one byte.
std::string key(FuzzInput& input) {
  const size_t number = input.below(8);
  return number == 7 ? std::string(300, 'k') : "key" + std::to_string(number);
}

// Sizes on both sides of every border between two forms of a value.
std::string value(FuzzInput& input) {
  switch (input.below(3)) {
    case 0: return std::to_string(static_cast<int>(input.below(2000)) - 1000);
    case 1: return std::string(input.one_of<size_t>({0, 1, 44, 45, 250, 255, 256, 1000, 16'383,
                                                     16'384, 20'000}),
                               static_cast<char>('a' + input.below(26)));
    default: return std::string(input.take(input.below(32)));
  }
}

std::string number(FuzzInput& input) {
  if (input.below(8) == 0) return "9223372036854775807";
  return std::to_string(static_cast<int>(input.below(40'000)) - 20'000);
}

std::string position(FuzzInput& input) {
  return std::to_string(static_cast<int>(input.below(600)) - 100);
}

Words options_of_set(FuzzInput& input) {
  Words words;
  if (input.below(4) == 0) words.push_back(input.below(2) == 0 ? "NX" : "XX");
  if (input.below(4) == 0) words.emplace_back("GET");
  if (input.below(3) == 0) {
    words.emplace_back("PX");
    words.push_back(std::to_string(1 + input.below(500)));
  } else if (input.below(4) == 0) {
    words.emplace_back("KEEPTTL");
  }
  return words;
}

Words request(FuzzInput& input) {
  static const std::vector<std::string> names = StringModel::commands();
  const std::string& name = names[input.below(names.size())];
  Words words{name};
  const auto add = [&](std::string word) { words.push_back(std::move(word)); };
  const bool keys_only = name == "DEL" || name == "EXISTS" || name == "MGET";
  if (name == "FLUSHALL") return input.below(8) == 0 ? words : Words{"GET", key(input)};
  add(key(input));
  for (size_t more = keys_only ? input.below(3) : 0; more > 0; --more) add(key(input));
  if (name == "SET" || name == "APPEND" || name == "MSET") add(value(input));
  if (name == "SET") {
    for (std::string& option : options_of_set(input)) add(std::move(option));
  }
  if (name == "MSET" && input.below(2) == 0) {
    add(key(input));
    add(value(input));
  }
  if (name == "SETRANGE") add(position(input));
  if (name == "SETRANGE") add(value(input));
  if (name == "GETRANGE") add(position(input));
  if (name == "GETRANGE") add(position(input));
  if (name == "INCRBY") add(number(input));
  if (name == "RENAME" || name == "COPY") add(key(input));
  if (name == "COPY" && input.below(2) == 0) add("REPLACE");
  if (name == "PEXPIRE") add(std::to_string(static_cast<int>(input.below(600)) - 50));
  if (name == "SETBIT" || name == "GETBIT") add(std::to_string(input.below(20'000)));
  if (name == "SETBIT") add(input.below(2) == 0 ? "0" : "1");
  return words;
}

void show_difference(const Words& words, const std::string& ours, const std::string& expected) {
  for (const std::string& word : words) std::fprintf(stderr, "%.80s ", word.c_str());
  std::fprintf(stderr, "\n  replied  %.200s\n  expected %.200s\n", ours.c_str(), expected.c_str());
}

void run_all(FuzzInput input) {
  LoneServer server(add_all_commands, {.shard_bits = 1, .databases = 1});
  StringModel model(server.now_ms);
  while (!input.empty()) {
    const Words words = request(input);
    const std::string ours = server.ask(words);
    const std::string expected = model.ask(words);
    if (ours != expected) show_difference(words, ours, expected);
    CHECK(ours == expected);
    server.store().validate();
    // Now and then time passes, and sometimes nobody looks for what is over.
    if (input.below(4) == 0) server.now_ms += static_cast<int64_t>(input.below(100));
    if (input.below(4) == 0) server.store().expire_due(0, 1, server.now_ms);
    model.set_now(server.now_ms);
  }
  constexpr int64_t kTickMs = 16;
  server.now_ms += kTickMs;
  model.set_now(server.now_ms);
  server.store().expire_due(0, 1, server.now_ms + kTickMs);
  CHECK(server.store().database_size(0).keys <= model.size());
  CHECK(server.ask({"FLUSHALL"}) == "+OK\r\n");
  CHECK(server.store().totals().keys == 0);
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larder::run_all(larder::FuzzInput(data, size));
  return 0;
}
