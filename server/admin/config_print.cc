#include "server/admin/config_print.h"

#include <array>
#include <set>
#include <sstream>

#include "base/quoting.h"
#include "server/engine/registry.h"

namespace larder {
namespace {

struct SectionTitle {
  OptionSection section;
  Bytes title;
};
constexpr std::array<SectionTitle, 10> kSections{{{OptionSection::network, "Network"},
                                                 {OptionSection::tls, "TLS"},
                                                 {OptionSection::clients, "Clients"},
                                                 {OptionSection::memory, "Memory"},
                                                 {OptionSection::persistence, "Persistence"},
                                                 {OptionSection::replication, "Replication"},
                                                 {OptionSection::security, "Security"},
                                                 {OptionSection::general, "Process"},
                                                 {OptionSection::logging, "Log"},
                                                 {OptionSection::monitoring, "Monitoring"}}};

// Lines of larder.conf that are no options.
struct Directive {
  Bytes form;
  Bytes summary;
};
constexpr std::array<Directive, 3> kDirectives{
    {{"include file ...",
      "The lines of other files, at this place. A name may be a pattern such as conf.d/*.conf."},
     {"rename-command name new",
      "Clients call a command by another name from now on; \"\": by none."},
     {"user name rule ...",
      "A user, with the rules of ACL SETUSER; also on the command line. Not beside aclfile."}}};

bool needs_quotes(Bytes text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '\'' || c == '\\' || c >= 127) return true;
  }
  return false;
}

std::string kind_text(const OptionSpec& option) {
  switch (option.kind) {
    case OptionKind::boolean: return "yes, no";
    case OptionKind::integer:
      return option.high == std::numeric_limits<int64_t>::max()
                 ? "number from " + std::to_string(option.low)
                 : std::to_string(option.low) + " to " + std::to_string(option.high);
    case OptionKind::octal: return "octal";
    case OptionKind::memory: return "bytes";
    case OptionKind::memory_share:
    case OptionKind::machine_share: return "bytes or percent";
    case OptionKind::choice:
    case OptionKind::choices_list: return std::string(option.choices);
    case OptionKind::words: return "words";
    case OptionKind::percentiles: return "numbers from 0 to 100";
    case OptionKind::oom_scores: return "three numbers from -2000 to 2000";
    case OptionKind::save_points: return "seconds changes ...";
    case OptionKind::event_classes: return "letters";
    case OptionKind::buffer_limits: return "class hard soft seconds ...";
    case OptionKind::duration: return "time";
    case OptionKind::sliding: return "yes, no or time";
    case OptionKind::ttl_rules: return "pattern name=value ...";
    case OptionKind::peer: return "host port";
    case OptionKind::text: break;
  }
  return "text";
}

void add_wrapped(std::string& text, Bytes sentence) {
  constexpr size_t kColumns = 96;
  std::string line = "#";
  for (const std::string& word : split_words(sentence)) {
    if (line.size() + 1 + word.size() > kColumns) {
      text += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  text += line + "\n";
}

}  // namespace

std::string config_line(const OptionSpec& option, const std::string& value) {
  const bool plain = is_list(option.kind) ? !value.empty() : !needs_quotes(value);
  return std::string(option.name) + " " + (plain ? value : quoted(value));
}

std::string print_config(const Options& options) {
  std::string text =
      "# Larder's configuration, in the syntax of redis.conf. Lines behind a '#' show defaults.\n"
      "# Options may be given as --option value and as LARDER_OPTION too; the command line wins\n"
      "# over the environment, and that over this file. Sizes: 1k = 1000, 1kb = 1024, up to gb.\n";
  for (const SectionTitle& section : kSections) {
    text += "\n# == " + std::string(section.title) + "\n";
    for (const OptionSpec& option : option_table()) {
      if (option.section != section.section) continue;
      text += "\n";
      add_wrapped(text, option.summary);
      const bool standard = options.is_standard(option);
      if (standard) text += "# ";
      text += config_line(option, options.text(option.name)) + "\n";
    }
  }
  text += "\n# == Lines that are no options\n";
  for (const Directive& each : kDirectives) {
    text += "\n";
    add_wrapped(text, each.summary);
    text += "# " + std::string(each.form) + "\n";
  }
  std::string others;
  for (const OptionSpec& option : option_table()) {
    if (option.section != OptionSection::redis || options.is_standard(option)) continue;
    others += config_line(option, options.text(option.name)) + "\n";
  }
  if (!others.empty()) text += "\n# == Known from redis.conf, without effect here\n\n" + others;
  return text;
}

std::string print_config_docs() {
  std::string text =
      "# Options\n\nPrinted by `larder-server --print-config-docs`. Each may stand in "
      "`larder.conf`, on the command line\n(`--maxmemory 1gb`) and in the environment "
      "(`LARDER_MAXMEMORY=1gb`). \"Live\" options can be changed with\n`CONFIG SET`.\n";
  for (const SectionTitle& section : kSections) {
    text += "\n## " + std::string(section.title) +
            "\n\n| option | values | default | live | what it does |\n|---|---|---|---|---|\n";
    for (const OptionSpec& option : option_table()) {
      if (option.section != section.section) continue;
      text += "| `" + std::string(option.name) + "` | " + kind_text(option) + " | `" +
              std::string(option.standard) + "` | " + (option.fixed ? "no" : "yes") + " | " +
              std::string(option.summary) + " |\n";
    }
  }
  text += "\n## Lines that are no options\n\n| line | what it does |\n|---|---|\n";
  for (const Directive& each : kDirectives) {
    text += "| `" + std::string(each.form) + "` | " + std::string(each.summary) + " |\n";
  }
  text +=
      "\n## Known from redis.conf\n\nThese are accepted and answered by `CONFIG GET`, and have no "
      "effect. A value that asks for something\nthat is not built yet is named in a warning of "
      "the log.\n\n| option | default | why |\n|---|---|---|\n";
  for (const OptionSpec& option : option_table()) {
    if (option.section != OptionSection::redis || option.hidden) continue;
    text += "| `" + std::string(option.name) + "` | `" + std::string(option.standard) + "` | " +
            (option.standing == Standing::planned ? "not built yet" : "no meaning here") + " |\n";
  }
  return text;
}

std::string rewritten_config(const std::string& old_text, const Options& options,
                             const std::vector<std::string>& users, bool all) {
  static constexpr char kMark[] = "# Generated by CONFIG REWRITE";
  std::string text;
  std::set<const OptionSpec*> written;
  bool marked = false;
  size_t next_user = 0;
  std::istringstream lines(old_text);
  for (std::string line; std::getline(lines, line);) {
    marked |= line == kMark;
    const auto words = split_line(line);
    const bool comment = !words || words->empty() || (*words)[0][0] == '#';
    const OptionSpec* option = comment ? nullptr : Options::find((*words)[0]);
    if (!comment && lower_case((*words)[0]) == "user") {  // those of now take the places
      if (next_user < users.size()) text += users[next_user++] + "\n";
    } else if (option == nullptr) {
      text += line + "\n";
    } else if (written.insert(option).second) {
      text += config_line(*option, options.text(option->name)) + "\n";
    }
  }
  const auto add = [&](const std::string& line) {
    if (!marked) text += std::string(kMark) + "\n";
    marked = true;
    text += line + "\n";
  };
  for (const OptionSpec& option : option_table()) {
    if (written.count(&option) > 0 || (!all && options.is_standard(option))) continue;
    if (options.source(option.name) == OptionSource::machine) continue;
    add(config_line(option, options.text(option.name)));
  }
  while (next_user < users.size()) add(users[next_user++]);
  return text;
}

}  // namespace larder
