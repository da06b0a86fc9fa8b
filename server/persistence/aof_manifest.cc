#include "server/persistence/aof_manifest.h"

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/quoting.h"

namespace larder {
namespace {

constexpr const char* kTooLong = "The AOF manifest file contains too long line";
constexpr const char* kInvalid = "Invalid AOF manifest file format";

// As Redis: longer lines are no manifest's.
constexpr size_t kLineBytesMax = 1024;
// So that the numbers of files to come stay in range, whatever stands in a manifest.
constexpr uint64_t kSequenceMax = 1'000'000'000'000'000'000;

// Bytes above 127 stay as they are, as names of files are UTF-8.
bool is_plain(Bytes name) {
  return std::none_of(name.begin(), name.end(), [](char c) {
    return (c >= 0 && c <= ' ') || c == '"' || c == '\'' || c == '\\' || c == 127;
  });
}

std::string line_of(const AofFile& file, char type) {
  const bool plain = is_plain(file.name);
  return "file " + (plain ? file.name : quoted(file.name)) + " seq " +
         std::to_string(file.sequence) + " type " + type + "\n";
}

// What keeps a file out of a manifest, or nothing.
std::string fault_of(const AofFile& file) {
  if (file.name.empty() || file.sequence == 0) return kInvalid;
  if (file.sequence > kSequenceMax) return "the file's number is out of range";
  if (file.name.find('/') != std::string::npos) return "a file's name must not be a path";
  if (file.name.find('\0') != std::string::npos) return "a file's name must not have a zero byte";
  if (line_of(file, 'b').size() > kLineBytesMax) return "the file's name is too long";
  return "";
}

}  // namespace

uint64_t AofManifest::last_increment() const {
  uint64_t last = 0;
  for (const AofFile& file : increments) last = std::max(last, file.sequence);
  for (const AofFile& file : history) {
    if (file.name.ends_with(".incr.aof")) last = std::max(last, file.sequence);
  }
  return last;
}

AofFile AofManifest::add_increment() {
  const uint64_t sequence = last_increment() + 1;
  increments.push_back({file_name_ + "." + std::to_string(sequence) + ".incr.aof", sequence});
  return increments.back();
}

AofFile AofManifest::next_base(bool rdb) const {
  uint64_t sequence = base ? base->sequence : 0;
  for (const AofFile& file : history) {
    if (file.name.find(".base.") != std::string::npos) sequence = std::max(sequence, file.sequence);
  }
  ++sequence;
  return {file_name_ + "." + std::to_string(sequence) + (rdb ? ".base.rdb" : ".base.aof"),
          sequence};
}

void AofManifest::replace_base(AofFile fresh, const AofFile& first_kept) {
  const auto kept = std::find(increments.begin(), increments.end(), first_kept);
  std::vector<AofFile> past(increments.begin(), kept);
  if (base) past.push_back(std::move(*base));
  history.insert(history.begin(), past.begin(), past.end());
  increments.erase(increments.begin(), kept);
  base = std::move(fresh);
}

std::string AofManifest::text() const {
  std::string text;
  if (base) text += line_of(*base, 'b');
  for (const AofFile& file : history) text += line_of(file, 'h');
  for (const AofFile& file : increments) text += line_of(file, 'i');
  return text;
}

std::string AofManifest::parse(Bytes text) {
  if (text.empty()) return "Found an empty AOF manifest";
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#')) continue;
    const std::string error =
        line.size() > kLineBytesMax ? kTooLong : parse_line(line);
    if (!error.empty()) return "line " + std::to_string(number) + ": " + error;
  }
  return empty() ? "Found an empty AOF manifest" : "";
}

// Pairs of words: file NAME, seq NUMBER, type LETTER, and what later versions may add.
std::string AofManifest::parse_line(const std::string& line) {
  const auto words = split_line(line);
  if (!words || words->size() < 6 || words->size() % 2 != 0) {
    return kInvalid;
  }
  AofFile file;
  std::string type;
  for (size_t i = 0; i < words->size(); i += 2) {
    const std::string& key = (*words)[i];
    const std::string& value = (*words)[i + 1];
    if (key == "file") file.name = value;
    if (key == "seq") file.sequence = parse_uint64(value).value_or(0);
    if (key == "type") type = value;
  }
  if (std::string fault = fault_of(file); !fault.empty()) return fault;
  if (type == "b") {
    if (base) return "Found duplicate base file information";
    base = std::move(file);
  } else if (type == "h") {
    history.push_back(std::move(file));
  } else if (type == "i") {
    if (!increments.empty() && file.sequence <= increments.back().sequence) {
      return "Found a non-monotonic sequence number";
    }
    increments.push_back(std::move(file));
  } else {
    return "Unknown AOF file type";
  }
  return "";
}

}  // namespace larder
