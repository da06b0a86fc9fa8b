// TLS as clients speak it: whom they trust and who they are. One context serves all connections of
// a program.
//
// A server's name is not compared with its certificate's, as in redis-cli: whoever has a
// certificate of the trusted authority is the server.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace larder {

struct TlsOptions {
  std::string ca_file;    // PEM; empty: the authorities that the system trusts
  std::string cert_file;  // PEM, with its chain; empty: the server is not told who we are
  std::string key_file;   // PEM; both or none
  bool insecure = false;  // takes any certificate
};

class TlsContext {
 public:
  // Fails: a file is missing, no PEM, or the two do not belong together; the error is a sentence.
  // The process ignores SIGPIPE from then on: OpenSSL writes to sockets whose peer is gone.
  static Result<std::shared_ptr<const TlsContext>, std::string> make(const TlsOptions& options);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* const context_;
};

}  // namespace larder
