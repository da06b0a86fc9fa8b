#include "server/engine/keyspace_events.h"

#include <gtest/gtest.h>

namespace larder::keyspace_events_test {
namespace {

std::string read_back(Bytes letters) { return event_class_letters(*parse_event_classes(letters)); }

TEST(KeyspaceEvents, letters_are_read_and_printed_in_order) {
  EXPECT_EQ(read_back(""), "");
  EXPECT_EQ(read_back("EKm"), "KEm");
  EXPECT_EQ(read_back("dtexzhsl$g"), "A");
  EXPECT_EQ(read_back("nA"), "An");
  EXPECT_EQ(read_back("ng"), "gn");
  EXPECT_FALSE(parse_event_classes("gy").has_value());
}

TEST(KeyspaceEvents, an_event_has_the_class_of_its_commands) {
  EXPECT_EQ(class_of_event("lpush"), EventClass::list);
  EXPECT_EQ(class_of_event("xgroup-create"), EventClass::stream);
  EXPECT_EQ(class_of_event("rename_to"), EventClass::generic);
  EXPECT_EQ(class_of_event("set"), EventClass::string);
  EXPECT_EQ(class_of_event("somethingelse"), EventClass::generic);
}

TEST(KeyspaceEvents, classes_without_a_form_tell_nothing) {
  PushQueues pushes(1);
  PubSub pubsub(pushes);
  KeyspaceEvents events(pubsub);
  events.set_classes(*parse_event_classes("g$"));
  EXPECT_FALSE(events.active());
  events.set_classes(*parse_event_classes("Kg"));
  EXPECT_TRUE(events.active());
  EXPECT_TRUE(events.wants(EventClass::generic));
  EXPECT_FALSE(events.wants(EventClass::string));
}

}  // namespace
}  // namespace larder::keyspace_events_test
