// The TLS of the server as it is configured now: what new connections begin with. Other options,
// or other contents of the files they name, take effect here as a whole or not at all.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "server/net/tls_context.h"

namespace larder {

class TlsSettings {
 public:
  struct News {
    bool good;
    std::string text;  // for the log
  };

  // Takes other options. Returns why they can't be, and then goes on as before, or nothing.
  std::string use(const TlsOptions& options);
  // To be called every second or so: takes the files anew when they have changed and then stayed
  // the same for one call, so that a half-written set is not tried. Bad ones change nothing.
  std::optional<News> look_at_files();
  // Null: TLS is off.
  std::shared_ptr<const TlsContext> current() const;

 private:
  static std::string state_of_files(const TlsOptions& options);

  mutable std::mutex mutex_;
  TlsOptions options_;
  std::shared_ptr<const TlsContext> context_;
  std::string used_files_;  // their state when they were last tried
  std::string seen_files_;  // at the last look
};

}  // namespace larder
