// The rules of a TLS port and the OpenSSL context made of them: certificate, key, whom to trust,
// protocols, ciphers. A context never changes; other rules make another one, and connections keep
// the one they began with.
// Source: https://redis.io/docs/management/security/encryption/
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace larder {

// Which end of a connection: the one that was called, or the one that opens it.
enum class TlsSide : uint8_t { server, client };

// Who must show a certificate.
enum class TlsClients : uint8_t { nobody, optional, everybody };

struct TlsOptions {
  bool wanted = false;  // a TLS port is open, or links want it: else none of this is looked at
  bool links = false;   // connections to other servers are TLS ones
  std::string cert_file;
  std::string key_file;
  std::string key_password;
  std::string client_cert_file;  // for links that this server opens; empty: cert_file
  std::string client_key_file;
  std::string client_key_password;
  std::string ca_file;
  std::string ca_folder;
  std::string dh_file;
  TlsClients clients = TlsClients::everybody;
  std::vector<std::string> protocols;  // empty: TLSv1.2 and TLSv1.3
  std::string ciphers;                 // up to TLSv1.2; empty: OpenSSL's choice
  std::string ciphersuites;            // of TLSv1.3; the same
  bool prefer_own_ciphers = false;
  bool resume_sessions = true;
  int64_t sessions_max = 20480;
  int64_t session_seconds = 300;
};

class TlsContext {
 public:
  // Reads the files. Fails with what is wrong, for the log.
  static Result<std::shared_ptr<const TlsContext>, std::string> make(const TlsOptions& options);

  // Takes both over.
  TlsContext(ssl_ctx_st* server, ssl_ctx_st* client) : server_(server), client_(client) {}
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // An end of a new connection, or null without memory. The caller frees it.
  ssl_st* make_session(TlsSide side) const;

 private:
  ssl_ctx_st* server_;
  ssl_ctx_st* client_;  // of links; null: there are none
};

}  // namespace larder
