// SORT and SORT_RO: the elements of a list, set or sorted set in the order of their own values or
// of values elsewhere, as they are or as the keys they point to.
//
//   SORT ids BY weight_* GET object_*->name     for the element 7: order by the key weight_7,
//                                               answer the field `name` of the hash object_7
//
// The keys that patterns name are known only once the elements are read, so the cards ask for the
// lock of the whole store.
// Source: https://redis.io/commands/sort/
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "server/commands/elements.h"
#include "server/commands/families.h"
#include "server/commands/list_values.h"
#include "server/commands/replaced_key.h"
#include "server/commands/string_values.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/acl/check.h"
#include "storage/hash.h"

namespace larder {
namespace {

constexpr const char* kNotScores = "ERR One or more scores can't be converted into double";

constexpr const char* kByDenied =
    "ERR BY option of SORT denied due to insufficient ACL permissions.";
constexpr const char* kGetDenied =
    "ERR GET option of SORT denied due to insufficient ACL permissions.";

struct SortOptions {
  std::optional<Bytes> by;
  std::vector<Bytes> gets;
  int64_t offset = 0;
  int64_t count = -1;  // negative: all
  bool descending = false;
  bool alpha = false;
  std::optional<Key> store;

  // A pattern that names the same key for all: the elements stay in their order.
  bool keeps_order() const { return by && by->find('*') == Bytes::npos; }
};

// `reads_all`: the client may read the keys that patterns name, which could be any.
SortOptions take_options(Args& args, bool read_only, bool reads_all) {
  SortOptions options;
  const auto check = [&](const char* denied) {
    if (args.ok() && !reads_all) args.fail(denied);
  };
  while (args.more()) {
    if (args.take("ASC")) {
      options.descending = false;
    } else if (args.take("DESC")) {
      options.descending = true;
    } else if (args.take("ALPHA")) {
      options.alpha = true;
    } else if (args.left() >= 3 && args.take("LIMIT")) {
      options.offset = args.integer();
      options.count = args.integer();
    } else if (!read_only && args.take_with_value("STORE")) {
      options.store = args.key();
    } else if (args.take_with_value("BY")) {
      options.by = args.bytes();
      if (!options.keeps_order()) check(kByDenied);
    } else if (args.take_with_value("GET")) {
      options.gets.push_back(args.bytes());
      check(kGetDenied);
    } else {
      args.reject();
    }
  }
  return options;
}

std::optional<std::string> field_value(Call& call, const Key& key, Item item, Bytes field) {
  if (item->type() != Type::hash) return {};
  const Hash hash(call.keyspace(key), key, item, call.now_ms());
  const auto found = hash.find(field);
  return found ? std::optional<std::string>(found->value) : std::nullopt;
}

// What a pattern means for an element: the first '*' becomes the element; behind "->" stands a
// field of a hash; "#" is the element itself.
std::optional<std::string> value_of(Call& call, Bytes pattern, Bytes element) {
  if (pattern == "#") return std::string(element);
  const size_t star = pattern.find('*');
  if (star == Bytes::npos) return {};
  const size_t arrow = pattern.find("->", star + 1);
  const bool has_field = arrow != Bytes::npos && arrow + 2 < pattern.size();
  const Bytes rest = pattern.substr(star + 1, has_field ? arrow - star - 1 : Bytes::npos);
  const std::string name =
      std::string(pattern.substr(0, star)) + std::string(element) + std::string(rest);
  const Key key{name, hash_of(name)};
  const Item item = call.find_to_read(key);
  if (!item) return {};
  if (has_field) return field_value(call, key, item, pattern.substr(arrow + 2));
  if (item->type() != Type::string) return {};
  IntegerText scratch;
  return std::string(string_bytes(*item.entry(), scratch));
}

struct Sortable {
  std::string element;
  double score = 0;
  std::optional<std::string> by;  // of ALPHA with BY
};

// As strtod reads it, so that an empty value is 0.
std::optional<double> score_of(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const double score = std::strtod(text.c_str(), &end);
  if (*end != '\0' || errno == ERANGE || std::isnan(score)) return {};
  return score;
}

// Gives every element what it is compared by; false when a score is no number.
bool weigh(Call& call, const SortOptions& options, std::vector<Sortable>& all) {
  bool numbers = true;
  for (Sortable& each : all) {
    const auto by = options.by ? value_of(call, *options.by, each.element)
                               : std::optional<std::string>(each.element);
    if (options.alpha) {
      if (options.by) each.by = by;
    } else if (by) {
      const auto score = score_of(*by);
      numbers &= score.has_value();
      each.score = score.value_or(0);
    }
  }
  return numbers;
}

bool is_before(const Sortable& one, const Sortable& other, const SortOptions& options) {
  if (options.alpha) {
    // A missing value (nullopt) is before every other.
    return options.by ? one.by < other.by : one.element < other.element;
  }
  if (one.score != other.score) return one.score < other.score;
  return one.element < other.element;
}

void sort_elements(const SortOptions& options, std::vector<Sortable>& all) {
  std::stable_sort(all.begin(), all.end(), [&](const Sortable& one, const Sortable& other) {
    return options.descending ? is_before(other, one, options) : is_before(one, other, options);
  });
}

// Cuts off what LIMIT leaves out.
void keep_window(const SortOptions& options, std::vector<Sortable>& all) {
  const auto size = static_cast<int64_t>(all.size());
  const int64_t first = std::clamp<int64_t>(options.offset, 0, size);
  const int64_t count = options.count < 0 ? size - first : std::min(options.count, size - first);
  all.erase(all.begin() + first + count, all.end());
  all.erase(all.begin(), all.begin() + first);
}

// The answer's values: the elements, or what the GET patterns mean for each.
std::vector<std::optional<std::string>> results(Call& call, const SortOptions& options,
                                                std::vector<Sortable>& all) {
  std::vector<std::optional<std::string>> values;
  values.reserve(all.size() * std::max<size_t>(options.gets.size(), 1));
  for (Sortable& each : all) {
    for (const Bytes pattern : options.gets) {
      values.push_back(value_of(call, pattern, each.element));
    }
    if (options.gets.empty()) values.emplace_back(std::move(each.element));
  }
  return values;
}

Status store_results(Call& call, const Key& key,
                     const std::vector<std::optional<std::string>>& values) {
  const Item old = call.find_to_write(key);
  if (old) call.keyspace(key).remove(old);
  std::vector<Bytes> items;
  items.reserve(values.size());
  for (const auto& value : values) items.push_back(value ? Bytes(*value) : Bytes());
  if (!items.empty()) {
    const ReplacedKey told(call.keyspace(key), static_cast<bool>(old));
    add_to_list(call, key, {}, ListEnd::tail, items);
    call.changed("sortstore", key);
    call.count_changes(items.size());
  } else if (old) {
    call.changed("del", key);
  }
  call.reply().integer(static_cast<int64_t>(items.size()));
  return Status::ok();
}

Status sort_as(Call& call, SortOptions options, const Key& key) {
  const Item item = call.find_to_read(key);
  if (item && !has_elements(*item.entry())) return Status::error(errors::kWrongType);
  std::vector<Sortable> all;
  if (item) {
    each_element(call, key, item, [&](Bytes element) { all.push_back({std::string(element)}); });
  }
  bool sorted = options.keeps_order();
  // A set has no order of its own; what is stored or what a script does must not depend on it.
  const bool may_vary = item && item->type() == Type::set;
  if (sorted && may_vary && (options.store || call.in_script())) {
    options.alpha = true;
    options.by.reset();
    sorted = false;
  }
  if (!sorted) {
    if (!weigh(call, options, all)) return Status::error(kNotScores);
    sort_elements(options, all);
  } else if (options.descending && item && item->type() != Type::set) {
    std::reverse(all.begin(), all.end());
  }
  keep_window(options, all);
  const auto values = results(call, options, all);
  if (options.store) return store_results(call, *options.store, values);
  call.reply().array(values.size());
  for (const auto& value : values) value ? call.reply().bulk(*value) : call.reply().null();
  return Status::ok();
}

bool may_read_all(Call& call) {
  const Session& session = call.session();
  if (session.acl_pass == call.services().access.generation()) [[likely]] return true;
  if (AccessControl::is_trusted(session)) return true;
  return session.acl_user != nullptr &&
         may_read_all_keys(*session.acl_user, call.command(), call.args());
}

Status sort_or_refuse(Call& call, bool read_only) {
  Args args(call);
  const Key key = args.key();
  SortOptions options = take_options(args, read_only, may_read_all(call));
  if (!args.ok()) return args.error();
  return sort_as(call, std::move(options), key);
}

Status sort(Call& call) { return sort_or_refuse(call, false); }
Status sort_ro(Call& call) { return sort_or_refuse(call, true); }

// The last STORE counts.
size_t store_key(std::span<const Bytes> args) {
  size_t found = 0;
  for (size_t i = 2; i + 1 < args.size(); ++i) {
    if (equals_upper(args[i], "LIMIT"))
      i += 2;
    else if (equals_upper(args[i], "GET") || equals_upper(args[i], "BY"))
      ++i;
    else if (equals_upper(args[i], "STORE"))
      found = ++i;
  }
  return found;
}

constexpr KeySpec sort_keys(bool read_only) {
  KeySpec keys = key_at(1, KeyUse::read_only_access);
  keys.other_use = KeyUse::overwrite_update;
  keys.unknown = read_only ? 1 : 2;
  keys.option_key = read_only ? nullptr : store_key;
  return keys;
}

constexpr Bytes kCost =
    "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number "
    "of returned elements.";
constexpr Acl kAcl = Acl::set | Acl::sortedset | Acl::list | Acl::slow | Acl::dangerous;

constexpr auto kFamily = family({
    {.name = "SORT",
     .syntax = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] "
               "[ALPHA] [STORE destination]",
     .summary = "Sorts the elements of a list, a set or a sorted set.",
     .since = "1.0.0",
     .complexity = kCost,
     .group = "generic",
     .arity = at_least(2),
     .flags = Flag::write | Flag::deny_oom | Flag::movable_keys | Flag::whole_store,
     .keys = sort_keys(false),
     .acl = Acl::write | kAcl,
     .run = sort},
    {.name = "SORT_RO",
     .syntax = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] "
               "[ALPHA]",
     .summary = "Sorts the elements of a list, a set or a sorted set, without STORE.",
     .since = "7.0.0",
     .complexity = kCost,
     .group = "generic",
     .arity = at_least(2),
     .flags = Flag::readonly | Flag::movable_keys | Flag::whole_store,
     .keys = sort_keys(true),
     .acl = Acl::read | kAcl,
     .run = sort_ro},
});

}  // namespace

std::span<const CommandSpec> sort_commands() { return kFamily; }

}  // namespace larder
