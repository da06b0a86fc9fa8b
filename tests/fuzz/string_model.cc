#include "tests/fuzz/string_model.h"

#include <algorithm>

#include "base/numbers.h"

namespace larder {
namespace {

const std::string kOk = "+OK\r\n";
const std::string kNull = "$-1\r\n";
const std::string kSyntax = "-ERR syntax error\r\n";

std::string integer(int64_t value) { return ":" + std::to_string(value) + "\r\n"; }
std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// start and end of a range as GETRANGE has them, made into what std::string::substr takes.
std::string range(const std::string& text, int64_t start, int64_t end) {
  const auto size = static_cast<int64_t>(text.size());
  if (start < 0 && end < 0 && start > end) return "";
  start = std::max<int64_t>(start < 0 ? start + size : start, 0);
  end = std::min(std::max<int64_t>(end < 0 ? end + size : end, 0), size - 1);
  if (start > end || size == 0) return "";
  return text.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1));
}

}  // namespace

const std::map<std::string, StringModel::Handler>& StringModel::table() {
  static const std::map<std::string, Handler> handlers{
      {"SET", &StringModel::set},           {"GET", &StringModel::get},
      {"GETDEL", &StringModel::getdel},     {"STRLEN", &StringModel::strlen},
      {"APPEND", &StringModel::append},     {"SETRANGE", &StringModel::setrange},
      {"GETRANGE", &StringModel::getrange}, {"INCRBY", &StringModel::incrby},
      {"DEL", &StringModel::del},           {"EXISTS", &StringModel::exists},
      {"RENAME", &StringModel::rename},     {"COPY", &StringModel::copy},
      {"PEXPIRE", &StringModel::pexpire},   {"PERSIST", &StringModel::persist},
      {"PTTL", &StringModel::pttl},         {"MSET", &StringModel::mset},
      {"MGET", &StringModel::mget},         {"SETBIT", &StringModel::setbit},
      {"GETBIT", &StringModel::getbit},     {"FLUSHALL", &StringModel::flushall}};
  return handlers;
}

std::vector<std::string> StringModel::commands() {
  std::vector<std::string> names;
  for (const auto& [name, handler] : table()) names.push_back(name);
  return names;
}

std::string StringModel::ask(const Words& words) { return (this->*table().at(words[0]))(words); }

size_t StringModel::size() {
  std::erase_if(values_, [this](const auto& each) {
    return each.second.expiry_ms >= 0 && each.second.expiry_ms <= now_ms_;
  });
  return values_.size();
}

StringModel::Value* StringModel::find(const std::string& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) return nullptr;
  const bool over = found->second.expiry_ms >= 0 && found->second.expiry_ms <= now_ms_;
  if (over) values_.erase(found);
  return over ? nullptr : &found->second;
}

// SET key value [NX | XX] [GET] [KEEPTTL | PX ms]
std::string StringModel::set(const Words& words) {
  bool absent = false, present = false, get = false, keep = false;
  int64_t expiry_ms = -1;
  for (size_t i = 3; i < words.size(); ++i) {
    absent |= words[i] == "NX";
    present |= words[i] == "XX";
    get |= words[i] == "GET";
    keep |= words[i] == "KEEPTTL";
    if (words[i] == "PX") expiry_ms = now_ms_ + std::stoll(words[++i]);
  }
  if ((absent && present) || (keep && expiry_ms >= 0)) return kSyntax;
  Value* old = find(words[1]);
  const std::string before = old != nullptr ? bulk(old->text) : kNull;
  if ((absent && old != nullptr) || (present && old == nullptr)) return get ? before : kNull;
  if (keep && old != nullptr) expiry_ms = old->expiry_ms;
  values_[words[1]] = {words[2], expiry_ms};
  return get ? before : kOk;
}

std::string StringModel::get(const Words& words) {
  const Value* value = find(words[1]);
  return value != nullptr ? bulk(value->text) : kNull;
}

std::string StringModel::getdel(const Words& words) {
  const std::string reply = get(words);
  values_.erase(words[1]);
  return reply;
}

std::string StringModel::strlen(const Words& words) {
  const Value* value = find(words[1]);
  return integer(value != nullptr ? static_cast<int64_t>(value->text.size()) : 0);
}

std::string StringModel::append(const Words& words) {
  Value* value = find(words[1]);
  if (value == nullptr) value = &values_[words[1]];
  value->text += words[2];
  return integer(static_cast<int64_t>(value->text.size()));
}

std::string StringModel::setrange(const Words& words) {
  const int64_t offset = std::stoll(words[2]);
  if (offset < 0) return "-ERR offset is out of range\r\n";
  Value* value = find(words[1]);
  if (words[3].empty()) return strlen(words);
  if (value == nullptr) value = &values_[words[1]];
  const size_t start = static_cast<size_t>(offset);
  value->text.resize(std::max(value->text.size(), start + words[3].size()), '\0');
  value->text.replace(start, words[3].size(), words[3]);
  return integer(static_cast<int64_t>(value->text.size()));
}

std::string StringModel::getrange(const Words& words) {
  const Value* value = find(words[1]);
  if (value == nullptr) return bulk("");
  return bulk(range(value->text, std::stoll(words[2]), std::stoll(words[3])));
}

std::string StringModel::incrby(const Words& words) {
  Value* value = find(words[1]);
  const auto before = value != nullptr ? parse_int64(value->text) : 0;
  if (!before) return "-ERR value is not an integer or out of range\r\n";
  int64_t sum = 0;
  if (__builtin_add_overflow(*before, std::stoll(words[2]), &sum)) {
    return "-ERR increment or decrement would overflow\r\n";
  }
  if (value == nullptr) value = &values_[words[1]];
  value->text = std::to_string(sum);
  return integer(sum);
}

std::string StringModel::del(const Words& words) {
  int64_t count = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    if (find(words[i]) != nullptr) count += static_cast<int64_t>(values_.erase(words[i]));
  }
  return integer(count);
}

std::string StringModel::exists(const Words& words) {
  return integer(std::count_if(words.begin() + 1, words.end(),
                               [this](const auto& key) { return find(key) != nullptr; }));
}

std::string StringModel::rename(const Words& words) {
  const Value* value = find(words[1]);
  if (value == nullptr) return "-ERR no such key\r\n";
  if (words[1] == words[2]) return kOk;
  const Value moved = *value;
  values_.erase(words[1]);
  values_[words[2]] = moved;
  return kOk;
}

// COPY source destination [REPLACE]
std::string StringModel::copy(const Words& words) {
  if (words[1] == words[2]) return "-ERR source and destination objects are the same\r\n";
  const Value* value = find(words[1]);
  if (value == nullptr) return integer(0);
  if (find(words[2]) != nullptr && words.size() < 4) return integer(0);
  const Value copied = *value;
  values_[words[2]] = copied;
  return integer(1);
}

std::string StringModel::pexpire(const Words& words) {
  Value* value = find(words[1]);
  if (value == nullptr) return integer(0);
  value->expiry_ms = now_ms_ + std::stoll(words[2]);
  find(words[1]);  // over at once
  return integer(1);
}

std::string StringModel::persist(const Words& words) {
  Value* value = find(words[1]);
  if (value == nullptr || value->expiry_ms < 0) return integer(0);
  value->expiry_ms = -1;
  return integer(1);
}

std::string StringModel::pttl(const Words& words) {
  const Value* value = find(words[1]);
  if (value == nullptr) return integer(-2);
  return integer(value->expiry_ms < 0 ? -1 : value->expiry_ms - now_ms_);
}

std::string StringModel::mset(const Words& words) {
  for (size_t i = 1; i + 1 < words.size(); i += 2) values_[words[i]] = {words[i + 1]};
  return kOk;
}

std::string StringModel::mget(const Words& words) {
  std::string reply = "*" + std::to_string(words.size() - 1) + "\r\n";
  for (size_t i = 1; i < words.size(); ++i) reply += get({"GET", words[i]});
  return reply;
}

std::string StringModel::setbit(const Words& words) {
  const size_t offset = std::stoull(words[2]);
  Value* value = find(words[1]);
  if (value == nullptr) value = &values_[words[1]];
  value->text.resize(std::max(value->text.size(), offset / 8 + 1), '\0');
  const auto mask = static_cast<char>(0x80 >> offset % 8);
  char& byte = value->text[offset / 8];
  const bool before = (byte & mask) != 0;
  byte = static_cast<char>(words[3] == "1" ? byte | mask : byte & ~mask);
  return integer(before);
}

std::string StringModel::getbit(const Words& words) {
  const size_t offset = std::stoull(words[2]);
  const Value* value = find(words[1]);
  if (value == nullptr || offset / 8 >= value->text.size()) return integer(0);
  return integer(value->text[offset / 8] >> (7 - offset % 8) & 1);
}

std::string StringModel::flushall(const Words&) {
  values_.clear();
  return kOk;
}

}  // namespace larder
