// Whether a script wrote or was killed: whichever comes first is final.
#include "server/engine/script_run.h"

#include <gtest/gtest.h>

namespace larder::script_run_test {
namespace {

TEST(ScriptRun, what_wrote_is_not_killed) {
  ScriptRun script;
  script.start(false, "", {}, 0);
  EXPECT_TRUE(script.note_write());
  EXPECT_TRUE(script.note_write());
  EXPECT_TRUE(script.kill(false).text().starts_with("UNKILLABLE"));
  EXPECT_FALSE(script.must_end());
}

TEST(ScriptRun, what_is_killed_writes_no_more) {
  ScriptRun script;
  script.start(true, "f", {}, 0);
  EXPECT_TRUE(script.kill(true).is_ok());
  EXPECT_TRUE(script.kill(true).is_ok());
  EXPECT_TRUE(script.must_end());
  EXPECT_FALSE(script.note_write());
  EXPECT_EQ(std::string(script.killed_error()), "ERR Script killed by user with FUNCTION KILL.");
}

TEST(ScriptRun, the_next_script_may_do_either) {
  ScriptRun script;
  script.start(false, "", {}, 0);
  EXPECT_TRUE(script.kill(false).is_ok());
  script.finish();
  EXPECT_TRUE(script.kill(false).text().starts_with("NOTBUSY"));
  script.start(false, "", {}, 0);
  EXPECT_FALSE(script.must_end());
  EXPECT_TRUE(script.note_write());
}

}  // namespace
}  // namespace larder::script_run_test
