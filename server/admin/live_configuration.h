// The options of the running server: what CONFIG and INFO see.
#pragma once

#include <mutex>
#include <string>

#include "server/admin/options.h"
#include "server/engine/services.h"

namespace larder {

class LiveConfiguration : public Configuration {
 public:
  // `file` is the absolute path of larder.conf or empty. `targets` outlive this.
  LiveConfiguration(Options options, std::string file, OptionTargets targets);

  // See OptionTargets. Before the first client comes.
  void set_listen_again(std::function<std::string(const Options&)> listen_again) {
    targets_.listen_again = std::move(listen_again);
  }

  void set_append_only(std::function<void(const Options&)> append_only) {
    targets_.append_only = std::move(append_only);
  }

  // Puts every option into force. Returns an error text or nothing.
  std::string apply_all();

  std::optional<std::string> value(Bytes name) const override;
  std::vector<std::pair<std::string, std::string>> matching(Bytes pattern) const override;
  std::string set(const std::vector<Assignment>& assignments, bool local) override;
  std::string rewrite() override;
  void rewrite_all() override;
  void note(Bytes name, Bytes value) override;
  std::string file() const override { return file_; }

 private:
  struct Change {
    const OptionSpec* option;
    Bytes name;  // as the client wrote it
    std::string text;
  };
  std::string check(const std::vector<Assignment>& assignments, bool local,
                    std::vector<Change>& changes) const;
  void choose_policy();
  std::string apply(const std::vector<Change>& changes, const Options& options);

  // Held while options are put into force, which may wait for shards. Who holds shards (CONFIG in a
  // transaction) must not wait for it.
  std::mutex changing_;
  mutable std::mutex mutex_;  // a leaf
  Options options_;
  bool rewrites_all_ = false;
  const std::string file_;
  OptionTargets targets_;
};

}  // namespace larder
