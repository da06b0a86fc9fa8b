#include "server/engine/acl/user.h"

#include <algorithm>

#include "base/digest.h"
#include "base/quoting.h"

namespace larder {
namespace {

// In quotes when it holds one of these letters, so that a line is read as it was meant.
std::string protected_word(const std::string& word, Bytes letters) {
  return Bytes(word).find_first_of(letters) == Bytes::npos ? word : quoted(word);
}

}  // namespace

bool AclUser::takes_password(Bytes password) const {
  if (nopass) return true;
  const std::string digest = sha256_hex(password);
  bool found = false;
  for (const std::string& each : passwords) found |= equal_in_constant_time(each, digest);
  return found;
}

bool AclUser::may_hear(Bytes channel, bool is_pattern) const {
  return root.allows_channel(channel, is_pattern) ||
         std::any_of(selectors.begin(), selectors.end(), [&](const AclSelector& selector) {
           return selector.allows_channel(channel, is_pattern);
         });
}

bool AclUser::hears_all() const {
  return root.all_channels ||
         std::any_of(selectors.begin(), selectors.end(),
                     [](const AclSelector& selector) { return selector.all_channels; });
}

std::vector<Bytes> AclUser::flags() const {
  std::vector<Bytes> flags{enabled ? "on" : "off"};
  if (nopass) flags.emplace_back("nopass");
  flags.emplace_back(sanitize_payload ? "sanitize-payload" : "skip-sanitize-payload");
  return flags;
}

// A selector is one word.
std::vector<std::string> AclUser::words() const {
  std::vector<std::string> words{"user", name};
  for (const Bytes flag : flags()) words.emplace_back(flag);
  for (const std::string& password : passwords) words.push_back("#" + password);
  for (std::string& word : root.words()) words.push_back(std::move(word));
  for (const AclSelector& selector : selectors) {
    std::string text;
    for (const std::string& word : selector.words()) {
      text.append(text.empty() ? "(" : " ").append(protected_word(word, "\"'\\()"));
    }
    words.push_back(text + ")");
  }
  return words;
}

std::string AclUser::line() const {
  std::string line;
  for (const std::string& word : words()) line.append(line.empty() ? "" : " ").append(word);
  return line;
}

std::string AclUser::config_line() const {
  std::string line;
  for (const std::string& word : words()) {
    line.append(line.empty() ? "" : " ").append(protected_word(word, "\"'\\"));
  }
  return line;
}

}  // namespace larder
