#include "server/engine/acl/file.h"

#include <algorithm>
#include <set>

namespace larder {
namespace {

// Words of a line; an ACL file knows no quotes.
std::vector<std::string> words_of(Bytes line) {
  std::vector<std::string> words;
  const Bytes spaces = " \t\r";
  for (size_t at = line.find_first_not_of(spaces); at != Bytes::npos;) {
    const size_t end = std::min(line.find_first_of(spaces, at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(spaces, end);
  }
  return words;
}

class Reader {
 public:
  Reader(const std::string& name, const AclRules& rules) : name_(name), rules_(rules) {}

  void line(Bytes text) {
    ++number_;
    std::vector<std::string> words = words_of(text);
    if (words.empty() || words[0].starts_with('#')) return;
    if (words[0] != "user" || words.size() < 2) {
      return fail(where() + " should start with user keyword followed by the username. ");
    }
    const std::string& user_name = words[1];
    if (has_space_or_nul(user_name)) {
      return fail("'" + where() + ": username '" + user_name + "' contains invalid characters. ");
    }
    if (!names_.insert(user_name).second) {
      return fail("WARNING: Duplicate user '" + user_name + "' found on line " +
                  std::to_string(number_) + ". ");
    }
    const MergedRules merged = merge_selectors(std::span(words).subspan(2));
    if (!merged.unmatched.empty()) {
      return fail(where() + ": Unmatched parenthesis in selector definition.");
    }
    file_.users.push_back(rules_.fresh_user(user_name));
    apply(file_.users.back(), merged.rules);
  }

  AclFile finish() {
    if (!file_.errors.empty()) {
      file_.errors +=
          "WARNING: ACL errors detected, no change to the previously active ACL rules "
          "was performed";
    }
    return std::move(file_);
  }

 private:
  std::string where() const { return name_ + ":" + std::to_string(number_); }
  void fail(const std::string& text) { file_.errors += text; }

  // Of the mistakes that may stem from an earlier one, only the first is told; rules are not shown
  // when they may hold a password.
  void apply(AclUser& user, const std::vector<std::string>& words) {
    bool failed = false;
    for (const std::string& rule : words) {
      const char* error = rules_.apply(user, rule);
      if (error == nullptr) continue;
      if (Bytes(error) == kUnknownAclCommand) {
        fail(where() + ": Error in applying operation '" + rule + "': " + error + ". ");
      } else if (!failed) {
        fail(where() + ": " + error + ". ");
        failed = true;
      }
    }
  }

  const std::string& name_;
  const AclRules& rules_;
  size_t number_ = 0;
  std::set<std::string> names_;
  AclFile file_;
};

}  // namespace

AclFile parse_acl_file(Bytes text, const std::string& name, const AclRules& rules) {
  Reader reader(name, rules);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    reader.line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}

}  // namespace larder
