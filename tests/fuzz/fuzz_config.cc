// Any text as a larder.conf: it is taken or refused with its line, and what was taken is printed
// and rewritten as a text that means the same.
#include <cstdlib>

#include "base/check.h"
#include "server/admin/config_load.h"
#include "server/admin/config_print.h"
#include "server/engine/registry.h"
#include "tests/fuzz/input.h"

namespace larder {
namespace {

LoadedOptions load(Bytes text) {
  LoadedOptions loaded;
  load_config_text(text, "fuzz.conf", loaded);
  return loaded;
}

void check_same(const LoadedOptions& expected, Bytes text) {
  const LoadedOptions again = load(text);
  CHECK(again.error.empty());
  for (const OptionSpec& option : option_table()) {
    CHECK(again.options.text(option.name) == expected.options.text(option.name));
  }
}

}  // namespace
}  // namespace larder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace larder;
  const Bytes text = FuzzInput(data, size).rest();
  // Other files are no part of this: a fuzzer would name devices that never end.
  if (lower_case(text).find("include") != std::string::npos) return 0;
  const LoadedOptions loaded = load(text);
  if (!loaded.error.empty()) {
    CHECK(loaded.error.rfind("fuzz.conf:", 0) == 0);
    return 0;
  }
  check_same(loaded, print_config(loaded.options));
  check_same(loaded, rewritten_config(std::string(text), loaded.options, {}, false));
  return 0;
}
