// The rules of ACL users against a model that knows commands as sets of names and keys as prefixes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "base/digest.h"
#include "server/commands/families.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/acl/check.h"
#include "server/engine/acl/file.h"
#include "server/engine/command_docs.h"
#include "server/engine/session.h"

namespace larder::acl_test {
namespace {

const Registry& registry() {
  static const Registry filled = [] {
    Registry fresh;
    fresh.add(connection_commands());
    fresh.add(string_commands());
    fresh.add(string_edit_commands());
    fresh.add(key_commands());
    fresh.add(client_commands());
    fresh.add(hash_commands());
    fresh.add(pubsub_commands());
    return fresh;
  }();
  return filled;
}

const Command& command_of(const std::string& name) {
  for (const auto& each : registry().all()) {
    if (each->name == name) return *each;
  }
  throw std::runtime_error("no command " + name);
}

const AclRules& rules() {
  static const AclRules shared(registry(), false);
  return shared;
}

AclUser user_of(const std::vector<std::string>& words) {
  AclUser user = rules().fresh_user("joe");
  for (const std::string& word : words) EXPECT_EQ(rules().apply(user, word), nullptr) << word;
  return user;
}

AclReason denied(const AclUser& user, const std::string& command,
                 const std::vector<std::string>& words) {
  const std::vector<Bytes> args(words.begin(), words.end());
  return check_acl(user, command_of(command), args).denied;
}

// What one selector allows, the simple way.
struct Model {
  std::set<std::string> commands;
  bool all_keys = false;
  std::map<std::string, std::pair<bool, bool>> prefixes;  // read, write

  void put(const Command& command, bool allowed) {
    std::vector<std::string> names{command.name};
    for (const Command* sub : command.subcommands) names.push_back(sub->name);
    for (const std::string& name : names) {
      if (allowed) {
        commands.insert(name);
      } else {
        commands.erase(name);
      }
    }
  }
  bool takes(const std::string& command, const std::string& key, bool read, bool write) const {
    if (!commands.contains(command)) return false;
    if (all_keys) return true;
    for (const auto& [prefix, access] : prefixes) {
      const bool enough = (access.first || !read) && (access.second || !write);
      if (key.starts_with(prefix) && enough) return true;
    }
    return false;
  }
};

struct KeyCommand {
  std::string name;
  bool read, write;
};
const std::vector<KeyCommand> kKeyCommands{{"get", true, false},    {"set", false, true},
                                           {"getdel", true, true},  {"strlen", false, false},
                                           {"append", false, true}, {"hget", true, false},
                                           {"hset", false, true},   {"exists", false, false}};

// Gives both the same rule and returns it.
std::string random_rule(Model& model) {
  const bool allowed = *rc::gen::arbitrary<bool>();
  const std::string sign = allowed ? "+" : "-";
  switch (*rc::gen::inRange(0, 6)) {
    case 0: {
      const auto& all = registry().all();
      const Command& command = *all[*rc::gen::inRange<size_t>(0, all.size())];
      model.put(command, allowed);
      return sign + command.name;
    }
    case 1: {
      const auto names = acl_names();
      const AclName& category = names[*rc::gen::inRange<size_t>(0, names.size())];
      for (const auto& each : registry().all()) {
        if (has(each->spec->acl, category.bit)) model.put(*each, allowed);
      }
      return sign + "@" + std::string(category.name);
    }
    case 2: {
      for (const auto& each : registry().all()) model.put(*each, allowed);
      return sign + "@all";
    }
    case 3: {
      if (*rc::gen::inRange(0, 4) > 0) return "";
      model.all_keys = allowed;
      model.prefixes.clear();
      return allowed ? "allkeys" : "resetkeys";
    }
    default: {
      if (model.all_keys) return "";
      const std::string prefix = *rc::gen::elementOf(std::vector<std::string>{"a", "ab", "b", ""});
      const auto [text, read, write] =
          *rc::gen::elementOf(std::vector<std::tuple<std::string, bool, bool>>{
              {"~", true, true}, {"%R~", true, false}, {"%W~", false, true}});
      if (text == "~" && prefix.empty()) {  // "~*" is "allkeys"
        model.all_keys = true;
        model.prefixes.clear();
      } else {
        auto& access = model.prefixes[prefix];
        access = {access.first || read, access.second || write};
      }
      return text + prefix + "*";
    }
  }
}

RC_GTEST_PROP(Acl, decides_as_the_model, ()) {
  AclUser user = rules().fresh_user("joe");
  std::vector<Model> models(1);
  const int selectors = *rc::gen::inRange(0, 3);
  for (int s = 0; s <= selectors; ++s) {
    std::string text;
    if (s > 0) models.emplace_back();
    for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
      const std::string rule = random_rule(models.back());
      if (rule.empty()) continue;
      if (s == 0) RC_ASSERT(rules().apply(user, rule) == nullptr);
      text += " " + rule;
    }
    if (s > 0) RC_ASSERT(rules().apply(user, "(" + text + ")") == nullptr);
  }
  // What is printed means the same.
  const AclFile again = parse_acl_file(user.line(), "file", rules());
  RC_ASSERT(again.errors == "");
  RC_ASSERT(again.users[0].line() == user.line());
  for (const KeyCommand& command : kKeyCommands) {
    for (const std::string key : {"a", "abc", "b", "c"}) {
      const std::vector<std::string> words{command.name, key};
      const bool expected = std::any_of(models.begin(), models.end(), [&](const Model& model) {
        return model.takes(command.name, key, command.read, command.write);
      });
      RC_ASSERT((denied(user, command.name, words) == AclReason::none) == expected);
      RC_ASSERT((denied(again.users[0], command.name, words) == AclReason::none) == expected);
    }
  }
}

TEST(Acl, first_words) {
  const AclUser user = user_of({"+select|0"});
  EXPECT_EQ(denied(user, "select", {"SELECT", "0"}), AclReason::none);
  EXPECT_EQ(denied(user, "select", {"SELECT", "1"}), AclReason::command);
  EXPECT_EQ(denied(user, "select", {"SELECT"}), AclReason::command);
}

TEST(Acl, who_may_not_do_anything_may_still_log_in) {
  EXPECT_EQ(denied(user_of({}), "auth", {"AUTH", "x"}), AclReason::none);
  EXPECT_EQ(denied(user_of({}), "ping", {"PING"}), AclReason::command);
}

TEST(Acl, patterns_to_listen_to_are_compared_letter_by_letter) {
  const AclUser user = user_of({"+@all", "&ne*"});
  EXPECT_EQ(denied(user, "subscribe", {"SUBSCRIBE", "news"}), AclReason::none);
  EXPECT_EQ(denied(user, "psubscribe", {"PSUBSCRIBE", "ne*"}), AclReason::none);
  EXPECT_EQ(denied(user, "psubscribe", {"PSUBSCRIBE", "new*"}), AclReason::channel);
  EXPECT_EQ(denied(user, "publish", {"PUBLISH", "old", "news"}), AclReason::channel);
}

TEST(Acl, what_is_printed_in_quotes_is_read_back) {
  AclUser user = rules().fresh_user("joe");
  for (const std::string word : {"~a\"b", "&x'y)", R"rule(("~a\"b" "&x)" "~q\"'" +get))rule"}) {
    EXPECT_EQ(rules().apply(user, word), nullptr) << word;
  }
  const AclFile again = parse_acl_file(user.line(), "file", rules());
  EXPECT_EQ(again.errors, "");
  EXPECT_EQ(again.users[0].line(), user.line());
}

TEST(Acl, mistakes_in_a_file_are_told_with_their_lines) {
  const Bytes text =
      "# comment\n\nuser a on\nnonsense\nuser a off\nuser b (+get\nuser c +foo\nuser d #1 )\n";
  EXPECT_EQ(parse_acl_file(text, "f", rules()).errors,
            "f:4 should start with user keyword followed by the username. "
            "WARNING: Duplicate user 'a' found on line 5. "
            "f:6: Unmatched parenthesis in selector definition."
            "f:7: Error in applying operation '+foo': Unknown command or category name in ACL. "
            "f:8: The password hash must be exactly 64 characters and contain only lowercase "
            "hexadecimal characters. "
            "WARNING: ACL errors detected, no change to the previously active ACL rules was "
            "performed");
}

TEST(Acl, a_session_follows_its_user) {
  AccessControl access(registry());
  Session session;
  access.begin(session);
  EXPECT_TRUE(session.authenticated);
  EXPECT_EQ(session.acl_pass, access.generation());
  ASSERT_EQ(access.set_user("joe", std::vector<std::string>{"on", ">pw", "+get"}).error, "");
  EXPECT_NE(session.acl_pass, access.generation());
  EXPECT_FALSE(access.log_in(session, "joe", "no"));
  EXPECT_EQ(session.user, "default");
  ASSERT_TRUE(access.log_in(session, "joe", "pw"));
  EXPECT_EQ(session.acl_pass, 0U);
  ASSERT_EQ(access.set_user("joe", std::vector<std::string>{"+@all", "~*", "&*"}).error, "");
  access.refresh(session);
  EXPECT_EQ(session.acl_pass, access.generation());
  // Another user of that name is not the one who logged in.
  access.remove("joe");
  ASSERT_EQ(access.set_user("joe", std::vector<std::string>{"on", "nopass", "+@all"}).error, "");
  access.refresh(session);
  EXPECT_EQ(session.acl_user, nullptr);
  EXPECT_EQ(session.acl_pass, 0U);
}

TEST(Acl, sha256) {
  EXPECT_EQ(sha256_hex("passwd4"),
            "34344e4d60c2b6d639b7bd22e18f2b0b91bc34bf0ac5f9952744435093cfb4e6");
}

TEST(AclLog, similar_denials_share_an_entry) {
  AclLog log;
  const AclDenial denial{AclReason::key, AclContext::toplevel, "k", "joe", "first"};
  log.add(denial, 1000, 3);
  for (int i = 0; i < 5; ++i) {
    AclDenial other = denial;
    other.object = std::to_string(i);
    log.add(other, 2000, 3);
  }
  EXPECT_EQ(log.newest(100).size(), 3U);
  log.add({AclReason::key, AclContext::toplevel, "3", "joe", "last"}, 2500, 3);
  const AclLog::Entry newest = log.newest(1)[0];
  EXPECT_EQ(newest.count, 2U);
  EXPECT_EQ(newest.denial.client_info, "last");
  EXPECT_EQ(newest.created_ms, 2000);
  EXPECT_EQ(newest.updated_ms, 2500);
  log.add({AclReason::key, AclContext::toplevel, "3", "joe", ""}, 2501 + AclLog::kSimilarMs, 3);
  EXPECT_EQ(log.newest(1)[0].count, 1U);
  EXPECT_EQ(log.denied(AclReason::key), 8U);
  log.reset();
  EXPECT_TRUE(log.newest(10).empty());
}

}  // namespace
}  // namespace larder::acl_test
