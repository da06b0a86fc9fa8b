// The rows of the options of TLS. They act together: whichever of them changes, one context is made
// of all, so a CONFIG SET that names several takes effect as a whole or not at all.
#include <array>
#include <climits>

#include "server/admin/log.h"
#include "server/admin/option_rows.h"
#include "server/net/tls.h"

namespace larder {
namespace {

using Kind = OptionKind;
using In = OptionSection;

TlsClients clients_of(const std::string& text) {
  if (text == "no") return TlsClients::nobody;
  return text == "optional" ? TlsClients::optional : TlsClients::everybody;
}

TlsOptions tls_options_of(const Options& options) {
  const bool links = options.is_on("tls-replication");
  return {.wanted = links || options.integer("tls-port") != 0,
          .links = links,
          .cert_file = options.text("tls-cert-file"),
          .key_file = options.text("tls-key-file"),
          .key_password = options.text("tls-key-file-pass"),
          .client_cert_file = options.text("tls-client-cert-file"),
          .client_key_file = options.text("tls-client-key-file"),
          .client_key_password = options.text("tls-client-key-file-pass"),
          .ca_file = options.text("tls-ca-cert-file"),
          .ca_folder = options.text("tls-ca-cert-dir"),
          .dh_file = options.text("tls-dh-params-file"),
          .clients = clients_of(options.text("tls-auth-clients")),
          .protocols = options.words("tls-protocols"),
          .ciphers = options.text("tls-ciphers"),
          .ciphersuites = options.text("tls-ciphersuites"),
          .prefer_own_ciphers = options.is_on("tls-prefer-server-ciphers"),
          .resume_sessions = options.is_on("tls-session-caching"),
          .sessions_max = options.integer("tls-session-cache-size"),
          .session_seconds = options.integer("tls-session-cache-timeout")};
}

std::string use(const Options& options, TlsSettings& tls) {
  const std::string error = tls.use(tls_options_of(options));
  return error.empty() ? "" : "Unable to update TLS configuration. " + error;
}

std::string apply_tls(const Options& options, OptionTargets& to) { return use(options, to.tls); }

std::string apply_tls_port(const Options& options, OptionTargets& to) {
  std::string error = apply_tls(options, to);
  apply_replication_ports(options, to);
  return error.empty() ? listen_again(options, to) : error;
}

std::string apply_links(const Options& options, OptionTargets& to) {
  std::string error = apply_tls(options, to);
  apply_replication_ports(options, to);
  return error;
}

constexpr std::array kRows = std::to_array<OptionSpec>({
    {.name = "tls-port",
     .kind = Kind::integer,
     .standard = "0",
     .section = In::tls,
     .summary = "TCP port for TLS; 0 listens on none. `port 0` beside it serves TLS only.",
     .high = 65535,
     .apply = apply_tls_port},
    {.name = "tls-cert-file",
     .section = In::tls,
     .summary = "Certificate, PEM, with the chain up to the authority. Read again when it changes.",
     .apply = apply_tls},
    {.name = "tls-key-file",
     .section = In::tls,
     .summary = "Private key of the certificate, PEM.",
     .apply = apply_tls},
    {.name = "tls-key-file-pass",
     .section = In::tls,
     .summary = "Password of the private key.",
     .apply = apply_tls},
    {.name = "tls-client-cert-file",
     .section = In::tls,
     .summary = "Certificate for links that this server opens; empty: tls-cert-file.",
     .apply = apply_tls},
    {.name = "tls-client-key-file",
     .section = In::tls,
     .summary = "Private key of that certificate.",
     .apply = apply_tls},
    {.name = "tls-client-key-file-pass",
     .section = In::tls,
     .summary = "Password of that private key.",
     .apply = apply_tls},
    {.name = "tls-ca-cert-file",
     .section = In::tls,
     .summary = "Authorities whose clients are trusted, PEM.",
     .apply = apply_tls},
    {.name = "tls-ca-cert-dir",
     .section = In::tls,
     .summary = "Folder of such authorities, named by their hashes (openssl rehash).",
     .apply = apply_tls},
    {.name = "tls-replication",
     .kind = Kind::boolean,
     .standard = "no",
     .section = In::tls,
     .summary = "Use TLS on the link to the primary, which must show a certificate of a trusted "
                "authority. What replicas of this server use is up to the port they call.",
     .apply = apply_links},
    {.name = "tls-auth-clients",
     .kind = Kind::choice,
     .standard = "yes",
     .section = In::tls,
     .summary = "Whether a client must show a certificate of a trusted authority; optional: one "
                "that it shows must be good.",
     .choices = "no yes optional",
     .apply = apply_tls},
    {.name = "tls-protocols",
     .section = In::tls,
     .summary = "Versions allowed, of TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3; empty: the last two.",
     .apply = apply_tls},
    {.name = "tls-ciphers",
     .section = In::tls,
     .summary = "Ciphers up to TLSv1.2, as OpenSSL names them; empty: its choice.",
     .apply = apply_tls},
    {.name = "tls-ciphersuites",
     .section = In::tls,
     .summary = "Ciphers of TLSv1.3; empty: OpenSSL's choice.",
     .apply = apply_tls},
    {.name = "tls-prefer-server-ciphers",
     .kind = Kind::boolean,
     .standard = "no",
     .section = In::tls,
     .summary = "Choose by this server's order of ciphers, not the client's.",
     .apply = apply_tls},
    {.name = "tls-dh-params-file",
     .section = In::tls,
     .summary = "Diffie-Hellman parameters, PEM; empty: OpenSSL's choice.",
     .apply = apply_tls},
    {.name = "tls-session-caching",
     .kind = Kind::boolean,
     .standard = "yes",
     .section = In::tls,
     .summary = "Let clients resume sessions, which saves most of a handshake.",
     .apply = apply_tls},
    {.name = "tls-session-cache-size",
     .kind = Kind::integer,
     .standard = "20480",
     .section = In::tls,
     .summary = "Most sessions kept for that; 0: no limit.",
     .high = INT_MAX,
     .apply = apply_tls},
    {.name = "tls-session-cache-timeout",
     .kind = Kind::integer,
     .standard = "300",
     .section = In::tls,
     .summary = "Seconds for which a session may be resumed.",
     .high = INT_MAX,
     .apply = apply_tls},
});

}  // namespace

std::span<const OptionSpec> tls_options() { return kRows; }

std::string tls_fault(const Options& options) {
  TlsSettings tls;
  return use(options, tls);
}

std::string listen_again(const Options& options, OptionTargets& to) {
  if (!to.listen_again || to.listen_again(options).empty()) return "";
  return "Unable to listen on this port. Check server logs.";
}

}  // namespace larder
