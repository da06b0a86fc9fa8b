#include "server/net/tls.h"

#include <sys/stat.h>

namespace larder {

// Kubernetes changes a mounted secret by pointing a link elsewhere: another inode, maybe an old
// time. So every fact counts.
std::string TlsSettings::state_of_files(const TlsOptions& options) {
  std::string state;
  for (const std::string* path :
       {&options.cert_file, &options.key_file, &options.client_cert_file, &options.client_key_file,
        &options.ca_file, &options.ca_folder, &options.dh_file}) {
    struct stat facts {};
    if (path->empty() || ::stat(path->c_str(), &facts) != 0) {
      state += "-;";
      continue;
    }
    for (const auto fact : {static_cast<int64_t>(facts.st_ino), facts.st_size, facts.st_mtim.tv_sec,
                            facts.st_mtim.tv_nsec}) {
      state += std::to_string(fact) + ",";
    }
    state += ";";
  }
  return state;
}

std::string TlsSettings::use(const TlsOptions& options) {
  std::lock_guard lock(mutex_);
  if (!options.wanted) {
    options_ = options;
    context_ = nullptr;
    return "";
  }
  const std::string files = state_of_files(options);
  auto made = TlsContext::make(options);
  if (!made) return made.error();
  options_ = options;
  context_ = std::move(*made);
  used_files_ = seen_files_ = files;
  return "";
}

std::optional<TlsSettings::News> TlsSettings::look_at_files() {
  std::lock_guard lock(mutex_);
  if (!context_) return {};
  const std::string files = state_of_files(options_);
  const bool settled = files == seen_files_;
  seen_files_ = files;
  if (files == used_files_ || !settled) return {};
  used_files_ = files;
  auto made = TlsContext::make(options_);
  if (!made) return News{false, "TLS files have changed and are of no use: " + made.error()};
  context_ = std::move(*made);
  return News{true, "TLS files have changed: new connections use the new ones"};
}

std::shared_ptr<const TlsContext> TlsSettings::current() const {
  std::lock_guard lock(mutex_);
  return context_;
}

}  // namespace larder
