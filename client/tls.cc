#include "client/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <csignal>

#include "base/tls_error.h"

namespace larder {
namespace {

// Returns what is wrong, or nothing.
std::string trust(SSL_CTX* context, const TlsOptions& options) {
  SSL_CTX_set_verify(context, options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return "";
  }
  if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) == 1) return "";
  return "no certificates of authorities in " + options.ca_file + ": " + take_tls_error();
}

std::string introduce(SSL_CTX* context, const TlsOptions& options) {
  if (options.cert_file.empty() != options.key_file.empty()) {
    return "a certificate needs its key, and a key its certificate";
  }
  if (options.cert_file.empty()) return "";
  if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1) {
    return "no certificate in " + options.cert_file + ": " + take_tls_error();
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return "no key of that certificate in " + options.key_file + ": " + take_tls_error();
  }
  return "";
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(const TlsOptions& options) {
  ERR_clear_error();
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return "TLS does not start: " + take_tls_error();
  const std::shared_ptr<const TlsContext> made(new TlsContext(context));
  ::signal(SIGPIPE, SIG_IGN);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A write that was put off goes on from wherever its bytes are then.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  std::string error = trust(context, options);
  if (error.empty()) error = introduce(context, options);
  if (!error.empty()) return error;
  return made;
}

}  // namespace larder
