// The words for TLS on the command lines of our programs, spelt as redis-cli does.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "client/tls.h"

namespace CLI {
class App;
}

namespace larder {

struct TlsFlags {
  bool on = false;  // --tls
  TlsOptions options;

  // Null where TLS is off. The error is a sentence.
  Result<std::shared_ptr<const TlsContext>, std::string> context() const;
};

// Adds --tls, --cacert, --cert, --key and --insecure, which fill `flags`.
void add_tls_flags(CLI::App& app, TlsFlags& flags);

}  // namespace larder
