// The title of the process, which ps(1) shows in place of its command line: `proc-title-template`.
// It is written over the arguments and the environment in memory, which lie one behind the other;
// the environment moves elsewhere. Source: proc_pid_cmdline(5)
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"

namespace larder {

class Options;

class ProcessTitle {
 public:
  // Of main(), before there are threads.
  ProcessTitle(int argc, char** argv);
  ProcessTitle(const ProcessTitle&) = delete;
  ProcessTitle& operator=(const ProcessTitle&) = delete;

  // The absolute path of the configuration file, for {config-file}.
  void set_file(std::string path) { file_ = std::move(path); }
  // What the template of `options` says now; nothing if it is none.
  std::optional<std::string> text(const Options& options) const;
  // Shows it, if `set-proc-title` says so. By one thread at a time.
  void show(const Options& options);

 private:
  std::optional<std::string> value(Bytes name, const Options& options) const;

  std::string program_;  // as it was called
  std::string file_;
  char* room_ = nullptr;
  size_t room_bytes_ = 0;
};

}  // namespace larder
