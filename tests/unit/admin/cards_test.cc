// Every card of the server.
#include <gtest/gtest.h>

#include "server/admin/all_commands.h"
#include "server/engine/registry.h"
#include "server/engine/spec.h"
#include "server/engine/syntax.h"

namespace larder::cards_test {
namespace {

// A slip would cut COMMAND DOCS short.
TEST(Cards, syntax_is_read_to_its_end) {
  Registry registry;
  add_all_commands(registry);
  for (const auto& command : registry.all()) {
    const std::string syntax = std::string(command->spec->syntax) + " behind";
    const std::vector<Argument> arguments = parse_syntax(syntax);
    ASSERT_FALSE(arguments.empty());
    EXPECT_EQ(arguments.back().name, "behind") << command->name;
  }
}

}  // namespace
}  // namespace larder::cards_test
