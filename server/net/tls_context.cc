#include "server/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/tls_error.h"

namespace larder {
namespace {

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ContextPointer = std::unique_ptr<SSL_CTX, ContextDeleter>;

struct Protocol {
  const char* name;
  uint64_t off;  // the option that forbids it
};
constexpr std::array<Protocol, 4> kProtocols{{{"TLSv1", SSL_OP_NO_TLSv1},
                                              {"TLSv1.1", SSL_OP_NO_TLSv1_1},
                                              {"TLSv1.2", SSL_OP_NO_TLSv1_2},
                                              {"TLSv1.3", SSL_OP_NO_TLSv1_3}}};

std::string failed(const std::string& what, const std::string& file) {
  return "Failed to load " + what + ": " + file + ": " + take_tls_error();
}

// OpenSSL asks for the password of a key. Without one it must not ask at the terminal.
int give_password(char* into, int room, int, void* from) {
  const auto& password = *static_cast<const std::string*>(from);
  if (password.size() > static_cast<size_t>(room)) return -1;
  std::memcpy(into, password.data(), password.size());
  return static_cast<int>(password.size());
}

std::string load_identity(SSL_CTX* context, const std::string& cert, const std::string& key,
                          const std::string& password) {
  if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) <= 0) {
    return failed("certificate", cert);
  }
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, const_cast<std::string*>(&password));
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) > 0;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (!loaded) return failed("private key", key);
  if (SSL_CTX_check_private_key(context) <= 0) {
    return "The private key " + key + " does not belong to the certificate " + cert + ": " +
           take_tls_error();
  }
  return "";
}

// The names of the authorities are what clients are told to choose their certificate by.
std::string load_authorities(SSL_CTX* context, const TlsOptions& options) {
  if (!options.ca_file.empty()) {
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.ca_file.c_str());
    if (names == nullptr) return failed("CA certificates", options.ca_file);
    SSL_CTX_set_client_CA_list(context, names);
    if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) <= 0) {
      return failed("CA certificates", options.ca_file);
    }
  }
  if (!options.ca_folder.empty() &&
      SSL_CTX_load_verify_dir(context, options.ca_folder.c_str()) <= 0) {
    return failed("CA certificates", options.ca_folder);
  }
  return "";
}

std::string choose_clients(SSL_CTX* context, const TlsOptions& options) {
  if (options.clients == TlsClients::nobody) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    return "";
  }
  if (options.ca_file.empty() && options.ca_folder.empty()) {
    return "tls-auth-clients needs tls-ca-cert-file or tls-ca-cert-dir";
  }
  const int must = options.clients == TlsClients::everybody ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | must, nullptr);
  return "";
}

std::string choose_protocols(SSL_CTX* context, const std::vector<std::string>& wanted) {
  uint64_t off = SSL_OP_NO_SSLv3;
  for (const Protocol& protocol : kProtocols) {
    const bool standard = protocol.off == SSL_OP_NO_TLSv1_2 || protocol.off == SSL_OP_NO_TLSv1_3;
    const bool named = std::find(wanted.begin(), wanted.end(), protocol.name) != wanted.end();
    if (wanted.empty() ? !standard : !named) off |= protocol.off;
  }
  for (const std::string& word : wanted) {
    const auto known = std::find_if(kProtocols.begin(), kProtocols.end(),
                                    [&](const Protocol& each) { return word == each.name; });
    if (known == kProtocols.end()) {
      return "Invalid tls-protocols '" + word + "': use TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3";
    }
  }
  SSL_CTX_set_options(context, off);
  return "";
}

std::string choose_ciphers(SSL_CTX* context, const TlsOptions& options) {
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) <= 0) {
    return "Failed to set tls-ciphers '" + options.ciphers + "': " + take_tls_error();
  }
  if (!options.ciphersuites.empty() &&
      SSL_CTX_set_ciphersuites(context, options.ciphersuites.c_str()) <= 0) {
    return "Failed to set tls-ciphersuites '" + options.ciphersuites + "': " + take_tls_error();
  }
  if (options.prefer_own_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return "";
}

std::string load_dh_parameters(SSL_CTX* context, const std::string& file) {
  if (file.empty()) {
    SSL_CTX_set_dh_auto(context, 1);
    return "";
  }
  BIO* const in = BIO_new_file(file.c_str(), "r");
  EVP_PKEY* const parameters = in == nullptr ? nullptr : PEM_read_bio_Parameters(in, nullptr);
  BIO_free(in);
  if (parameters == nullptr) return failed("DH parameters", file);
  if (SSL_CTX_set0_tmp_dh_pkey(context, parameters) > 0) return "";
  EVP_PKEY_free(parameters);
  return failed("DH parameters", file);
}

void choose_sessions(SSL_CTX* context, const TlsOptions& options) {
  constexpr unsigned char kName[] = "larder";
  SSL_CTX_set_session_id_context(context, kName, sizeof kName - 1);
  if (!options.resume_sessions) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(context, static_cast<long>(options.sessions_max));
  SSL_CTX_set_timeout(context, static_cast<long>(options.session_seconds));
}

ContextPointer empty_context() {
  ContextPointer context(SSL_CTX_new(TLS_method()));
  if (!context) return context;
  // A renegotiation costs the server ten times what it costs the client that asks for it.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_SINGLE_DH_USE | SSL_OP_SINGLE_ECDH_USE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

std::string load_client_identity(SSL_CTX* context, const TlsOptions& options) {
  if (options.client_cert_file.empty() && options.client_key_file.empty()) {
    return load_identity(context, options.cert_file, options.key_file, options.key_password);
  }
  if (options.client_key_file.empty()) return "tls-client-cert-file needs tls-client-key-file";
  if (options.client_cert_file.empty()) return "tls-client-key-file needs tls-client-cert-file";
  return load_identity(context, options.client_cert_file, options.client_key_file,
                       options.client_key_password);
}

// The other server must always show a certificate of a trusted authority. Its name is not looked
// at, as Redis has it: primaries are known by addresses.
std::string fill_client(SSL_CTX* context, const TlsOptions& options) {
  std::string error = load_client_identity(context, options);
  if (error.empty()) error = choose_protocols(context, options.protocols);
  if (error.empty()) error = load_authorities(context, options);
  if (error.empty()) error = choose_ciphers(context, options);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (error.empty() && options.links && options.ca_file.empty() && options.ca_folder.empty()) {
    error = "tls-replication needs tls-ca-cert-file or tls-ca-cert-dir";
  }
  return error;
}

std::string fill_server(SSL_CTX* context, const TlsOptions& options) {
  if (options.cert_file.empty()) return "TLS needs tls-cert-file";
  if (options.key_file.empty()) return "TLS needs tls-key-file";
  std::string error =
      load_identity(context, options.cert_file, options.key_file, options.key_password);
  if (error.empty()) error = choose_protocols(context, options.protocols);
  if (error.empty()) error = load_authorities(context, options);
  if (error.empty()) error = choose_clients(context, options);
  if (error.empty()) error = choose_ciphers(context, options);
  if (error.empty()) error = load_dh_parameters(context, options.dh_file);
  choose_sessions(context, options);
  return error;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(const TlsOptions& options) {
  ERR_clear_error();
  ContextPointer server = empty_context();
  ContextPointer client = empty_context();
  if (!server || !client) return "No TLS context: " + take_tls_error();
  std::string error = fill_server(server.get(), options);
  if (error.empty()) error = fill_client(client.get(), options);
  if (!error.empty()) return error;
  return std::make_shared<const TlsContext>(server.release(),
                                            options.links ? client.release() : nullptr);
}

TlsContext::~TlsContext() {
  SSL_CTX_free(server_);
  SSL_CTX_free(client_);
}

ssl_st* TlsContext::make_session(TlsSide side) const {
  SSL_CTX* const context = side == TlsSide::server ? server_ : client_;
  SSL* const session = context == nullptr ? nullptr : SSL_new(context);
  if (session == nullptr) return nullptr;
  side == TlsSide::server ? SSL_set_accept_state(session) : SSL_set_connect_state(session);
  return session;
}

}  // namespace larder
