// larder-ping: asks a server whether it is alive, for health checks. Says PONG and ends with 0, or
// says why not and ends with 1.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/numbers.h"
#include "base/version.h"
#include "client/client.h"
#include "client/tls_flags.h"

namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Beside the server, as in its container: where it has no plain port, the TLS port is asked with
// the server's own certificate.
void take_environment(larder::ClientOptions& options, larder::TlsFlags& tls) {
  const auto tls_port = larder::parse_uint64(from_environment("LARDER_TLS_PORT"));
  if (options.endpoint.port == 0 && options.endpoint.unix_path.empty() && tls_port) {
    options.endpoint.port = static_cast<uint16_t>(*tls_port);
    tls.on = true;
  }
  if (!tls.on) return;
  auto& [ca, cert, key, insecure] = tls.options;
  if (ca.empty()) ca = from_environment("LARDER_TLS_CA_CERT_FILE");
  if (!cert.empty() || !key.empty()) return;
  cert = from_environment("LARDER_TLS_CERT_FILE");
  key = from_environment("LARDER_TLS_KEY_FILE");
}

int complain(const std::string& text) {
  std::fprintf(stderr, "larder-ping: %s\n", text.c_str());
  return 1;
}

int ping(const larder::ClientOptions& options) {
  larder::Client client(options);
  const auto reply = client.run({"PING"});
  if (!reply) return complain(reply.error().text);
  std::fprintf(reply->is_error() ? stderr : stdout, "%s\n", reply->text.c_str());
  return reply->text == "PONG" ? 0 : 1;
}

void declare(CLI::App& app, larder::ClientOptions& options, double& timeout_s) {
  app.set_version_flag("-v,--version", "larder-ping " + std::string(larder::kLarderVersion));
  app.add_option("-H,--host", options.endpoint.host, "name or address")->capture_default_str();
  app.add_option("-p,--port", options.endpoint.port, "TCP port")
      ->envname("LARDER_PORT")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("-s,--socket", options.endpoint.unix_path, "unix socket instead of TCP")
      ->envname("LARDER_UNIXSOCKET");
  app.add_option("-u,--user", options.identity.user, "user name to authenticate with");
  app.add_option("-a,--password", options.identity.password,
                 "password (default: LARDER_REQUIREPASS of the environment)");
  app.add_option("-t,--timeout", timeout_s, "seconds to wait, for connecting and for the reply")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  larder::ClientOptions options;
  larder::TlsFlags tls;
  options.connect_attempts = 1;
  options.identity.resp3 = false;  // one round trip less
  double timeout_s = 2;
  options.identity.password = from_environment("LARDER_REQUIREPASS");
  CLI::App app("Asks a server for PONG: ends with 0 when it answers, with 1 when not",
               "larder-ping");
  declare(app, options, timeout_s);
  larder::add_tls_flags(app, tls);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    return app.exit(stop) == 0 ? 0 : 1;  // Docker reserves other codes
  }
  take_environment(options, tls);
  auto context = tls.context();
  if (!context) return complain(context.error());
  options.endpoint.tls = std::move(*context);
  options.connect_ms_max = options.command_ms_max = static_cast<int64_t>(timeout_s * 1000);
  return ping(options);
}
