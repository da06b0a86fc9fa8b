#include "server/admin/config_load.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/quoting.h"
#include "server/engine/registry.h"

namespace larder {
namespace {

constexpr int kIncludeDepthMax = 16;
constexpr Bytes kPrefix = "LARDER_";

// Lines of other servers' files that have no effect here.
constexpr Bytes kIdleDirectives[] = {
    // Work that is not built yet.
    "loadmodule", "sentinel",
    // Redis up to 6.
    "gopher-enabled", "list-max-ziplist-entries", "list-max-ziplist-value",
    // Valkey from 8.1 on: logs of large requests and replies.
    "commandlog-request-larger-than", "commandlog-large-request-max-len",
    "commandlog-reply-larger-than", "commandlog-large-reply-max-len"};

// A configuration with thousands of users fits; a device or a data file given by mistake is noticed
// before it fills the memory.
constexpr size_t kFileBytesMax = 16 * 1024 * 1024;

struct FileText {
  std::string text;
  std::string error;
};

FileText read_bounded(std::istream& in) {
  FileText file;
  file.text.resize(kFileBytesMax + 1);
  in.read(file.text.data(), static_cast<std::streamsize>(file.text.size()));
  file.text.resize(static_cast<size_t>(in.gcount()));
  if (file.text.size() > kFileBytesMax) {
    return {"", "is no configuration file: longer than " +
                    std::to_string(kFileBytesMax / 1024 / 1024) + " MiB"};
  }
  return file;
}

FileText read_all(const std::string& path) {
  if (path == "-") return read_bounded(std::cin);
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path)) return {"", "can't be read"};
  return read_bounded(in);
}

// The files an include names: several where it is a pattern, none where a pattern fits none.
std::vector<std::string> included(const std::string& path) {
  if (path.find_first_of("*?[") == std::string::npos) return {path};
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(path.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

class Loader {
 public:
  explicit Loader(LoadedOptions& loaded) : loaded_(loaded) {}

  // `by` is "place: " of the line that includes it.
  void file(const std::string& path, const std::string& by = "") {
    const FileText read = read_all(path);
    if (!read.error.empty()) return fail(by + path, read.error);
    lines(read.text, path);
  }

  void lines(Bytes text, const std::string& name) {
    if (++depth_ > kIncludeDepthMax) return fail(name, "includes itself");
    size_t number = 0;
    for (size_t at = 0; at < text.size() && loaded_.error.empty();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      line(text.substr(at, end - at), name + ":" + std::to_string(++number));
      at = end + 1;
    }
    --depth_;
  }

  void assign(const std::string& name, const std::vector<std::string>& words,
              const std::string& where, OptionSource source) {
    const OptionSpec* option = Options::find(name);
    if (option == nullptr) return fail(where, "unknown option '" + name + "'");
    const std::string error = loaded_.options.assign(*option, words, source);
    if (!error.empty()) fail(where, "bad value for '" + name + "': " + error);
  }

  // What a file or the command line may say besides options. False when `name` is none of it.
  bool directive(const std::string& name, const std::vector<std::string>& words,
                 const std::string& where) {
    if (name == "include") {
      if (words.empty()) fail(where, "wrong number of arguments");
      for (const std::string& word : words) {
        for (const std::string& path : included(word)) file(path, where + ": ");
      }
    } else if (name == "rename-command") {
      rename(words, where);
    } else if (name == "user") {
      user(words, where);
    } else {
      return false;
    }
    return true;
  }

  void fail(const std::string& where, const std::string& why) {
    if (loaded_.error.empty()) loaded_.error = where + ": " + why;
  }

 private:
  void line(Bytes text, const std::string& where) {
    const size_t first = skip_spaces(text, 0);
    if (first == text.size() || text[first] == '#') return;
    auto words = split_line(text);
    if (!words) return fail(where, "unbalanced quotes");
    const std::string name = lower_case((*words)[0]);
    words->erase(words->begin());
    if (std::find(std::begin(kIdleDirectives), std::end(kIdleDirectives), name) !=
        std::end(kIdleDirectives)) {
      loaded_.warnings.push_back(where + ": '" + name + "' has no effect here");
    } else if (!directive(name, *words, where)) {
      assign(name, *words, where, OptionSource::file);
    }
  }

  void rename(const std::vector<std::string>& words, const std::string& where) {
    if (words.size() != 2) return fail(where, "wrong number of arguments");
    loaded_.renames.push_back({where, words[0], words[1]});
  }

  void user(const std::vector<std::string>& words, const std::string& where) {
    if (words.empty()) return fail(where, "wrong number of arguments");
    loaded_.users.push_back({where, words});
  }

  LoadedOptions& loaded_;
  int depth_ = 0;
};

void load_environment(const std::vector<std::string>& environment, Loader& loader) {
  for (const std::string& each : environment) {
    const size_t equals = each.find('=');
    if (each.rfind(kPrefix, 0) != 0 || equals == std::string::npos) continue;
    std::string name = lower_case(Bytes(each).substr(0, equals)).substr(kPrefix.size());
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string value = each.substr(equals + 1);
    const std::string where = "environment " + each.substr(0, equals);
    const OptionSpec* option = Options::find(name);
    if (option == nullptr) return loader.fail(where, "unknown option '" + name + "'");
    // A text is taken as it stands: a password may hold quotes.
    const bool is_text = option->kind == OptionKind::text;
    auto words = is_text ? std::vector<std::string>{value} : split_line(value);
    if (!words) return loader.fail(where, "unbalanced quotes");
    if (words->empty()) words->push_back(value);
    loader.assign(name, *words, where, OptionSource::environment);
  }
}

bool is_name(const std::string& arg) { return arg.rfind("--", 0) == 0; }

// Takes one option from `i` on: --name value ..., --name=value or "--name value ...". As in Redis
// a first value may begin with dashes, too, a name right behind the file may be without them, and
// --save may have no value.
std::string take_option(const std::vector<std::string>& args, size_t& i,
                        std::vector<std::string>& words) {
  std::string name = is_name(args[i]) ? args[i].substr(2) : args[i];
  ++i;
  const size_t end = name.find_first_of(" =");
  if (end != std::string::npos && name[end] == ' ') {
    words = split_line(name.substr(end)).value_or(std::vector<std::string>{name.substr(end + 1)});
    name.resize(end);
  } else if (end != std::string::npos) {
    words.push_back(name.substr(end + 1));
    name.resize(end);
  } else if (name != "save" && i < args.size()) {
    words.push_back(args[i++]);
  }
  while (i < args.size() && !is_name(args[i])) words.push_back(args[i++]);
  return name;
}

void load_command_line(const std::vector<std::string>& args, bool behind_file, Loader& loader) {
  for (size_t i = 0; i < args.size();) {
    const bool bare = behind_file && i == 0 && !args[i].starts_with('-');
    if (!bare && (!is_name(args[i]) || args[i].size() < 3)) {
      return loader.fail("command line", "unexpected argument '" + args[i] + "'");
    }
    std::vector<std::string> words;
    const std::string name = take_option(args, i, words);
    // A value given as one argument may hold several words, as in --save "900 1".
    if (name == "user" && words.size() == 1) words = split_words(words[0]);
    if (loader.directive(name, words, "command line --" + name)) continue;
    if (words.size() == 1) {
      const OptionSpec* option = Options::find(name);
      if (option != nullptr && option->kind != OptionKind::text && !words[0].empty()) {
        words = split_words(words[0]);
      }
    }
    loader.assign(name, words, "command line --" + name, OptionSource::command_line);
  }
}

void warn_of_planned(LoadedOptions& loaded) {
  for (const OptionSpec& option : option_table()) {
    if (option.standing != Standing::planned || loaded.options.is_standard(option)) continue;
    const std::string& value = loaded.options.text(option.name);
    const bool asks_for_nothing = value.empty() || value == "no" || value == "0";
    if (asks_for_nothing) continue;
    loaded.warnings.push_back("'" + std::string(option.name) + " " + value +
                              "' asks for something that is not built yet: it has no effect");
  }
}

}  // namespace

void load_config_text(Bytes text, const std::string& name, LoadedOptions& loaded) {
  Loader(loaded).lines(text, name);
}

LoadedOptions load_options(const OptionSources& sources) {
  LoadedOptions loaded;
  Loader loader(loaded);
  if (!sources.file.empty()) {
    loader.file(sources.file);
    std::error_code ignored;
    if (sources.file != "-") loaded.file = std::filesystem::absolute(sources.file, ignored);
  }
  if (loaded.error.empty()) load_environment(sources.environment, loader);
  if (loaded.error.empty()) {
    load_command_line(sources.command_line, !sources.file.empty(), loader);
  }
  if (!loaded.error.empty()) return loaded;
  warn_of_planned(loaded);
  return loaded;
}

}  // namespace larder
