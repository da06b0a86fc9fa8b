#include "client/tls_flags.h"

#include <CLI/CLI.hpp>

namespace larder {

Result<std::shared_ptr<const TlsContext>, std::string> TlsFlags::context() const {
  if (!on) return std::shared_ptr<const TlsContext>();
  return TlsContext::make(options);
}

void add_tls_flags(CLI::App& app, TlsFlags& flags) {
  const char* const group = "TLS";
  CLI::Option* const tls = app.add_flag("--tls", flags.on, "connect with TLS")->group(group);
  const auto add_file = [&](const char* name, std::string& path, const char* what) {
    app.add_option(name, path, what)->needs(tls)->type_name("FILE")->default_str("")->group(group);
  };
  add_file("--cacert", flags.options.ca_file,
           "PEM file of the authorities to trust (default: those the system trusts)");
  add_file("--cert", flags.options.cert_file, "PEM file of a certificate of our own");
  add_file("--key", flags.options.key_file, "PEM file of its key");
  app.add_flag("--insecure", flags.options.insecure, "trust any certificate")
      ->needs(tls)
      ->group(group);
}

}  // namespace larder
