#include "server/engine/acl/access_control.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/files.h"
#include "server/engine/acl/file.h"
#include "server/engine/session.h"

namespace larder {
namespace {

// A generation that never comes.
constexpr uint64_t kTrusted = UINT64_MAX;
// As Redis names whoever is no user; rules for users are not about it.
constexpr Bytes kTrustedUser = "(superuser)";

}  // namespace

AccessControl::AccessControl(const Registry& registry) : registry_(registry) {
  put_locked(factory_default());
}

// May do everything, asks for no password.
AclUser AccessControl::factory_default() const {
  AclUser user = rules().fresh_user(kDefaultUser);
  user.enabled = user.nopass = true;
  user.root.commands.allow_all();
  user.root.all_keys = user.root.all_channels = true;
  return user;
}

AccessControl::UserPointer AccessControl::find_locked(Bytes name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second;
}

void AccessControl::put_locked(AclUser user) {
  if (user.identity == 0) user.identity = next_identity_++;
  std::string name = user.name;
  users_[std::move(name)] = std::make_shared<const AclUser>(std::move(user));
  changed_locked();
}

void AccessControl::changed_locked() {
  const AclUser& standard = *users_.find(kDefaultUser)->second;
  nopass_.store(standard.nopass);
  open_.store(standard.nopass && standard.enabled);
  generation_.fetch_add(1);
}

AccessControl::UserPointer AccessControl::find(Bytes name) const {
  std::lock_guard lock(mutex_);
  return find_locked(name);
}

std::vector<AccessControl::UserPointer> AccessControl::users() const {
  std::lock_guard lock(mutex_);
  std::vector<UserPointer> all;
  all.reserve(users_.size());
  for (const auto& [name, user] : users_) all.push_back(user);
  return all;
}

void AccessControl::refresh(Session& session) const {
  if (is_trusted(session)) return;
  std::lock_guard lock(mutex_);
  UserPointer user = find_locked(session.user);
  // Another user of the same name was never logged in to.
  const UserPointer& known = session.acl_user;
  if (user != nullptr && known != nullptr && known->identity != user->identity) user = nullptr;
  session.authenticated |= is_open();
  session.acl_generation = generation();
  const bool passes = user != nullptr && session.authenticated && user->unrestricted();
  session.acl_pass = passes ? session.acl_generation : 0;
  session.acl_user = std::move(user);
}

void AccessControl::trust(Session& session) {
  session.acl_generation = kTrusted;
  session.user = kTrustedUser;
}

bool AccessControl::is_trusted(const Session& session) {
  return session.acl_generation == kTrusted;
}

void AccessControl::begin(Session& session) const {
  session.user = kDefaultUser;
  session.acl_user = nullptr;
  session.acl_generation = 0;
  session.authenticated = false;
  refresh(session);
}

bool AccessControl::log_in(Session& session, Bytes name, Bytes password) const {
  UserPointer user = find(name);
  if (user == nullptr || !user->enabled || !user->takes_password(password)) return false;
  session.user = name;
  session.acl_user = std::move(user);
  session.authenticated = true;
  refresh(session);
  return session.acl_user != nullptr;
}

AccessControl::Outcome AccessControl::set_user(Bytes name, std::span<const std::string> words) {
  if (name.empty() || has_space_or_nul(name)) {  // an empty one could not be saved
    return {"ERR Usernames can't contain spaces or null characters", {}};
  }
  const MergedRules merged = merge_selectors(words);
  if (!merged.unmatched.empty()) {
    return {"ERR Unmatched parenthesis in acl selector starting at '" + merged.unmatched + "'.",
            {}};
  }
  const AclRules how = rules();
  std::lock_guard lock(mutex_);
  UserPointer before = find_locked(name);
  AclUser user = before != nullptr ? *before : how.fresh_user(name);
  for (const std::string& rule : merged.rules) {
    if (const char* error = how.apply(user, rule)) {
      return {"ERR Error in ACL SETUSER modifier '" + rule + "': " + error, {}};
    }
  }
  put_locked(std::move(user));
  return {"", {std::move(before), find_locked(name)}};
}

AccessControl::UserPointer AccessControl::remove(Bytes name) {
  DCHECK(name != kDefaultUser);
  std::lock_guard lock(mutex_);
  const auto found = users_.find(name);
  if (found == users_.end()) return nullptr;
  UserPointer user = found->second;
  users_.erase(found);
  changed_locked();
  return user;
}

void AccessControl::set_default_password(Bytes password) {
  std::lock_guard lock(mutex_);
  if (password == default_password_) return;
  default_password_ = password;
  AclUser user = *find_locked(kDefaultUser);
  const AclRules how = rules();
  CHECK(how.apply(user, "resetpass") == nullptr);
  CHECK(how.apply(user, password.empty() ? "nopass" : ">" + default_password_) == nullptr);
  put_locked(std::move(user));
}

std::string AccessControl::declare(std::span<const std::string> words) {
  if (words.empty()) return "Wrong number of arguments";
  const std::string& name = words[0];
  if (has_space_or_nul(name)) return "Usernames can't contain spaces or null characters";
  if (std::find(declared_.begin(), declared_.end(), name) != declared_.end()) {
    return "Duplicate user found. A user can only be defined once in config files";
  }
  declared_.push_back(name);
  const MergedRules merged = merge_selectors(words.subspan(1));
  if (!merged.unmatched.empty()) return "Unmatched parenthesis in selector definition.";
  const AclRules how = rules();
  AclUser user = how.fresh_user(name);
  for (const std::string& rule : merged.rules) {
    if (const char* error = how.apply(user, rule)) {
      const bool secret = rule.starts_with('>') || rule.starts_with('<');
      return "Error in user declaration '" + (secret ? rule.substr(0, 1) : rule) + "': " + error;
    }
  }
  std::lock_guard lock(mutex_);
  const UserPointer before = find_locked(name);
  if (before != nullptr) user.identity = before->identity;
  put_locked(std::move(user));
  return "";
}

std::string AccessControl::load(std::vector<Change>* changes) {
  const auto text = read_file(file);
  if (!text) {
    return "Error loading ACLs, opening file '" + file + "': " + std::strerror(errno);
  }
  AclFile parsed = parse_acl_file(*text, file, rules());
  if (!parsed.errors.empty()) return parsed.errors;
  std::lock_guard lock(mutex_);
  const Users before = std::move(users_);
  users_.clear();
  parsed.users.insert(parsed.users.begin(), factory_default());  // the file may replace it
  for (AclUser& user : parsed.users) {
    const auto known = before.find(user.name);
    user.identity = known != before.end() ? known->second->identity : next_identity_++;
    std::string name = user.name;
    users_[std::move(name)] = std::make_shared<const AclUser>(std::move(user));
  }
  changed_locked();
  if (changes == nullptr) return "";
  for (const auto& [name, user] : before) changes->push_back({user, find_locked(name)});
  return "";
}

std::string AccessControl::save() const {
  std::string text;
  for (const UserPointer& user : users()) text += user->line() + "\n";
  return replace_file(file, text);
}

std::vector<std::string> AccessControl::config_lines() const {
  AclUser plain = factory_default();
  std::vector<std::string> lines;
  for (const UserPointer& user : users()) lines.push_back(user->config_line());
  std::lock_guard lock(mutex_);
  if (!default_password_.empty()) {
    CHECK(rules().apply(plain, ">" + default_password_) == nullptr);
  }
  if (lines.size() == 1 && lines[0] == plain.config_line()) lines.clear();
  return lines;
}

}  // namespace larder
