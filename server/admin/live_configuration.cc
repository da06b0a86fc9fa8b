#include "server/admin/live_configuration.h"

#include <cerrno>
#include <set>

#include "base/files.h"
#include "base/glob.h"
#include "server/admin/config_print.h"
#include "server/admin/log.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/registry.h"
#include "server/engine/trouble.h"
#include "storage/shard_lock.h"
#include "storage/store.h"

namespace larder {
namespace {

// Options that act together have one function, which sees all of their new values at one call.
using Functions = std::set<decltype(OptionSpec::apply)>;

std::string failed(Bytes name, const std::string& why) {
  return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
         why;
}

}  // namespace

LiveConfiguration::LiveConfiguration(Options options, std::string file, OptionTargets targets)
    : options_(std::move(options)), file_(std::move(file)), targets_(targets) {}

// A cache with a limit evicts, unless a policy was named, or every key would go in vain: tests of
// applications set a limit of 1 to see what happens without memory.
void LiveConfiguration::choose_policy() {
  const OptionSpec& policy = *Options::find("maxmemory-policy");
  const OptionSource source = options_.source(policy.name);
  if (source != OptionSource::standard && source != OptionSource::machine) return;
  const bool limited = options_.bytes("maxmemory") > targets_.store.floor_bytes();
  (void)options_.assign_text(policy, limited ? "allkeys-adaptive" : policy.standard,
                             limited ? OptionSource::machine : OptionSource::standard);
}

std::string LiveConfiguration::apply_all() {
  std::lock_guard lock(mutex_);
  choose_policy();
  Functions done{nullptr};
  for (const OptionSpec& option : option_table()) {
    if (!done.insert(option.apply).second) continue;
    const std::string error = option.apply(options_, targets_);
    if (!error.empty()) return std::string(option.name) + ": " + error;
  }
  return "";
}

std::optional<std::string> LiveConfiguration::value(Bytes name) const {
  const OptionSpec* option = Options::find(name);
  if (option == nullptr) return {};
  std::lock_guard lock(mutex_);
  return options_.text(name);
}

std::vector<std::pair<std::string, std::string>> LiveConfiguration::matching(Bytes pattern) const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, std::string>> found;
  // A whole name comes back as the client wrote it.
  if (Options::find(pattern) != nullptr) {
    found.emplace_back(pattern, options_.text(pattern));
    return found;
  }
  for (const OptionSpec& option : option_table()) {
    for (const Bytes name : {option.name, option.alias}) {
      if (name.empty() || option.hidden) continue;
      if (!glob_match(pattern, name, GlobCase::ignored)) continue;
      found.emplace_back(name, options_.text(option.name));
    }
  }
  return found;
}

std::string LiveConfiguration::check(const std::vector<Assignment>& assignments, bool local,
                                     std::vector<Change>& changes) const {
  std::string first_error;  // told when no name is wrong
  const std::string& guard = options_.text("enable-protected-configs");
  const bool may_touch_guarded = guard == "yes" || (guard == "local" && local);
  const bool loads = (targets_.settings.trouble.load() & (kLoading | kLoadingBeside)) != 0;
  for (const Assignment& each : assignments) {
    const OptionSpec* option = Options::find(each.name);
    if (option == nullptr) {
      return "ERR Unknown option or number of arguments for CONFIG SET - '" +
             std::string(each.name) + "'";
    }
    if (option->loaded_from && loads) {
      return kLoadingText;
    }
    auto [text, error] = options_.checked(*option, each.value);
    // Tools write back all they read: an unchanged value is no change.
    if (option->fixed && (!error.empty() || options_.text(option->name) != text)) {
      return failed(each.name, "can't set immutable config");
    }
    if (option->guarded && !may_touch_guarded) {
      return failed(each.name, "can't set protected config");
    }
    for (const Change& earlier : changes) {
      if (earlier.option == option) return failed(each.name, "duplicate parameter");
    }
    if (!error.empty() && first_error.empty()) first_error = failed(lower_case(each.name), error);
    changes.push_back({option, each.name, std::move(text)});
  }
  return first_error;
}

std::string LiveConfiguration::apply(const std::vector<Change>& changes, const Options& options) {
  Functions done{nullptr};
  for (const Change& change : changes) {
    if (!done.insert(change.option->apply).second) continue;
    const std::string error = change.option->apply(options, targets_);
    if (!error.empty()) return failed(lower_case(change.name), error);
  }
  return "";
}

std::string LiveConfiguration::set(const std::vector<Assignment>& assignments, bool local) {
  std::unique_lock changing(changing_, std::defer_lock);
  if (held_shards == nullptr) {
    changing.lock();
  } else if (!changing.try_lock()) {
    return "ERR CONFIG SET failed - another client changes the configuration";
  }
  std::vector<Change> changes;
  std::unique_lock lock(mutex_);
  if (std::string error = check(assignments, local, changes); !error.empty()) return error;
  const Options before = options_;
  for (const Change& change : changes) {
    (void)options_.assign_text(*change.option, change.text, OptionSource::runtime);
  }
  choose_policy();
  const Options after = options_;
  lock.unlock();
  if (std::string error = apply(changes, after); !error.empty()) {
    lock.lock();
    options_ = before;
    lock.unlock();
    (void)apply(changes, before);
    return error;
  }
  for (const Change& change : changes) {
    const bool asks = change.text != "no" && change.text != "0" && !change.text.empty() &&
                      change.text != change.option->standard;
    if (change.option->standing != Standing::planned || !asks) continue;
    targets_.log.warning("CONFIG SET " + std::string(change.option->name) + " " + change.text +
                         " asks for something that is not built yet: it has no effect");
  }
  return "";
}

void LiveConfiguration::rewrite_all() {
  std::lock_guard lock(mutex_);
  rewrites_all_ = true;
}

void LiveConfiguration::note(Bytes name, Bytes value) {
  const OptionSpec* option = Options::find(name);
  if (option == nullptr) return;
  std::unique_lock lock(mutex_);
  (void)options_.assign_text(*option, value, OptionSource::runtime);
  const Options after = options_;
  lock.unlock();
  if (option->apply != nullptr) (void)option->apply(after, targets_);
}

std::string LiveConfiguration::rewrite() {
  if (file_.empty()) return "ERR The server is running without a config file";
  std::lock_guard lock(mutex_);
  const auto old_text = read_file(file_);
  if (!old_text && errno != ENOENT) return failure("ERR Rewriting config file");
  const AccessControl& access = targets_.access;
  const auto users = access.file.empty() ? access.config_lines() : std::vector<std::string>{};
  const std::string text = rewritten_config(old_text.value_or(""), options_, users, rewrites_all_);
  if (replace_file(file_, text).empty()) return "";
  return failure("ERR Rewriting config file");
}

}  // namespace larder
