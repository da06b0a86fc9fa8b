// The table against a map, by random steps.
#include "server/engine/tracking_table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <string>

namespace larder::tracking_table_test {
namespace {

using Model = std::map<std::string, std::set<ClientRef>>;

std::set<ClientRef> clients_of(const TrackedKey& key) {
  return {key.clients().begin(), key.clients().end()};
}

RC_GTEST_PROP(TrackingTable, is_a_map_of_names_to_clients, ()) {
  TrackingTable table;
  Model model;
  const auto steps = *rc::gen::inRange(0, 400);
  for (int i = 0; i < steps; ++i) {
    const std::string name = "key" + std::to_string(*rc::gen::inRange(0, 60));
    const auto client = client_ref(*rc::gen::inRange<size_t>(0, 3), *rc::gen::inRange(1, 5));
    if (*rc::gen::inRange(0, 3) > 0) {
      const auto change = table.add(Key::of(name), client);
      RC_ASSERT(change.keys == (model.contains(name) ? 0 : 1));
      RC_ASSERT(change.items == (model[name].insert(client).second ? 1 : 0));
    } else if (const auto taken = table.take(Key::of(name))) {
      RC_ASSERT(clients_of(*taken) == model.at(name));
      model.erase(name);
    } else {
      RC_ASSERT(!model.contains(name));
    }
    RC_ASSERT(table.size() == model.size());
  }
  table.validate();
}

RC_GTEST_PROP(TrackingTable, random_keys_empty_it, (std::set<std::string> names)) {
  TrackingTable table;
  for (const std::string& name : names) table.add(Key::of(name), client_ref(0, 1));
  while (const auto taken = table.take_random(*rc::gen::arbitrary<uint64_t>())) {
    RC_ASSERT(names.erase(std::string(taken->name())) == 1);
    table.validate();
  }
  RC_ASSERT(names.empty());
  RC_ASSERT(table.size() == 0U);
}

RC_GTEST_PROP(TrackingTable, clients_that_went_are_dropped, (std::set<uint16_t> ids)) {
  RC_PRE(!ids.empty());
  TrackingTable table;
  table.add(Key::of("other"), client_ref(0, 1));
  const Key key = Key::of("key");
  for (const uint64_t id : ids) table.add(key, client_ref(id % 3, id));
  const auto bytes = static_cast<int64_t>(table.bytes());
  std::set<ClientRef> left;
  for (const uint64_t id : ids) {
    if (id % 2 == 0) left.insert(client_ref(id % 3, id));
  }
  const auto change = table.drop_if(key, [](ClientRef client) { return id_of(client) % 2 != 0; });
  table.validate();
  RC_ASSERT(change.items == static_cast<int>(left.size()) - static_cast<int>(ids.size()));
  RC_ASSERT(change.keys == (left.empty() ? -1 : 0));
  RC_ASSERT(change.bytes == static_cast<int64_t>(table.bytes()) - bytes);
  const auto taken = table.take(key);
  RC_ASSERT((taken == nullptr) == left.empty());
  if (taken != nullptr) RC_ASSERT(clients_of(*taken) == left);
}

TEST(TrackingTable, a_client_reference_has_both_numbers) {
  const ClientRef ref = client_ref(511, 123'456'789'012);
  EXPECT_EQ(worker_of(ref), 511U);
  EXPECT_EQ(id_of(ref), 123'456'789'012U);
}

TEST(TrackingTable, a_short_key_takes_less_than_70_bytes) {
  TrackingTable table;
  constexpr size_t kKeys = 100'000;
  for (size_t i = 0; i < kKeys; ++i) {
    table.add(Key::of("key:" + std::to_string(1'000'000 + i)), client_ref(0, 7));
  }
  EXPECT_LT(table.bytes() / kKeys, 70U);
  table.validate();
}

}  // namespace
}  // namespace larder::tracking_table_test
