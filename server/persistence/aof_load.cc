#include "server/persistence/aof_load.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "protocol/reply_writer.h"
#include "server/engine/acl/access_control.h"
#include "server/engine/listeners.h"
#include "server/engine/registry.h"
#include "server/engine/transactions.h"
#include "server/persistence/aof_reader.h"
#include "server/persistence/load.h"

namespace larder {
namespace {

// Progress is told after so many requests.
constexpr uint64_t kProgressRequests = 16 * 1024;

class DescriptorSource : public Source {
 public:
  explicit DescriptorSource(int fd) : fd_(fd) {}
  size_t read(char* into, size_t bytes) override {
    while (true) {
      const ssize_t count = ::read(fd_, into, bytes);
      if (count >= 0 || errno != EINTR) return static_cast<size_t>(std::max<ssize_t>(count, 0));
    }
  }

 private:
  int fd_;
};

bool begins_as_rdb(int fd) {
  char head[kRdbMagicValkey.size()];
  const ssize_t got = ::pread(fd, head, sizeof head, 0);
  const Bytes begin(head, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return begin.starts_with(kRdbMagic) || begin.starts_with(kRdbMagicValkey);
}

// Keyspaces are made with the shard's clock.
void set_clock(Store& store) {
  for (unsigned i = 0; i < store.shard_count(); ++i) {
    MutexLock lock(store.shard(i).mutex);
    store.shard(i).services.now_ms = unix_ms();
  }
}

}  // namespace

// Nobody is connected where the file's requests come from.
class AofLoader::NoClients : public ClientsOfWorker {
 public:
  explicit NoClients(size_t commands) : stats_(commands) {}
  void each(const std::function<void(ClientView&)>&) override {}
  ClientView* find(uint64_t) override { return nullptr; }
  void flush_pushes() override {}
  void serve_others() override {}
  void retry_postponed() override {}
  WorkerStats& stats() override { return stats_; }

 private:
  WorkerStats stats_;
};

AofLoader::AofLoader(Services& services, AofLoadOptions options)
    : services_(services),
      options_(std::move(options)),
      clients_(std::make_unique<NoClients>(services.registry.all().size())),
      random_(random_seed()),
      worker_{0, clients_.get(), &clients_->stats(), &random_},
      dispatcher_(services, worker_),
      pace_(services, options_.stop) {
  session_.authenticated = true;
  AccessControl::trust(session_);
  set_clock(services.store);
  services.store.set_active_expiry(false);  // what comes later in the file may keep a key
}

AofLoader::~AofLoader() { services_.store.set_active_expiry(true); }

std::string AofLoader::load(const AofManifest& manifest) {
  std::vector<std::string> names;
  if (manifest.base) names.push_back(manifest.base->name);
  for (const AofFile& file : manifest.increments) names.push_back(file.name);
  for (const std::string& name : names) {  // before anything is loaded
    const std::string path = options_.folder + "/" + name;
    if (file_exists(path)) continue;
    return "The AOF file " + path + " doesn't exist: " + std::strerror(ENOENT);
  }
  const size_t last = last_written(names);
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string error = load_file(names[i], i >= last);
    if (!error.empty()) return error;
  }
  return "";
}

// The file that the server wrote when it ended: a rewrite lists the next one before that is begun.
size_t AofLoader::last_written(const std::vector<std::string>& names) const {
  size_t last = names.size() - 1;
  while (last > 0 && file_bytes(options_.folder + "/" + names[last]) == 0) --last;
  return last;
}

std::string AofLoader::load_file(const std::string& name, bool last) {
  const std::string path = options_.folder + "/" + name;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure("Can't open the append only file " + path);
  session_.db = 0;
  session_.transaction.reset();
  uint64_t offset = 0;
  std::string rest;
  if (begins_as_rdb(file.get())) {
    const std::string error = load_rdb_part(file.get(), name, offset, rest);
    if (!error.empty()) return error;
  }
  AofReader reader(file.get(), offset, std::move(rest));
  const std::string error = replay(name, last, reader);
  bytes_ += file_bytes(path);
  return error;
}

std::string AofLoader::load_rdb_part(int fd, const std::string& name, uint64_t& offset,
                                     std::string& rest) {
  DescriptorSource source(fd);
  LoadOptions how;
  how.replace = true;
  how.all_there_is = false;
  how.stop = options_.stop;
  if (options_.progress) {
    how.progress = [this](uint64_t bytes) { options_.progress(bytes_ + bytes); };
  }
  LoadOutcome outcome = load_rdb(source, services_, how);
  if (!outcome.ok()) return "The base " + name + " can't be loaded: " + outcome.error;
  offset = outcome.bytes;
  rest = std::move(outcome.rest);
  return "";
}

std::string AofLoader::replay(const std::string& name, bool last, AofReader& reader) {
  Output output;
  ReplyWriter reply(output, 2);
  uint64_t valid = reader.offset();  // not within a transaction
  while (true) {
    if (!pace_.go_on()) return kLoadStopped;
    const uint64_t begin = reader.offset();
    const AofReader::Outcome outcome = reader.next();
    if (outcome == AofReader::Outcome::broken) {
      return "Bad file format reading the append only file " + name + " " + reader.error() +
             ": make a backup of your AOF file, then use ./redis-check-aof --fix <filename>";
    }
    if (outcome != AofReader::Outcome::request) {
      const bool whole = outcome == AofReader::Outcome::end && valid == reader.offset();
      if (whole) return "";
      if (last && options_.load_truncated) return cut_off(name, valid);
      return "Unexpected end of file reading the append only file " + name + " at offset " +
             std::to_string(reader.offset()) + ", what is whole ends at " + std::to_string(valid) +
             ": make a backup of your AOF file, then use ./redis-check-aof --fix <filename>, or " +
             "set 'aof-load-truncated' to yes and restart";
    }
    const std::string error = dispatcher_.replay(reader.args(), session_, reply);
    if (!error.empty()) {
      return error + " reading the append only file " + name + " at offset " +
             std::to_string(begin);
    }
    output.rewind(0);
    if (!in_multi(session_.transaction.get())) valid = reader.offset();
    if (++requests_ % kProgressRequests == 0 && options_.progress) {
      options_.progress(bytes_ + reader.offset());
    }
  }
}

// The server died while it wrote the end, or the machine did.
std::string AofLoader::cut_off(const std::string& name, uint64_t valid) {
  session_.transaction.reset();
  options_.notice("The append only file " + name + " ends in the middle of a request: cutting it " +
                  "off at offset " + std::to_string(valid));
  const std::string path = options_.folder + "/" + name;
  if (::truncate(path.c_str(), static_cast<off_t>(valid)) != 0) {
    return failure("Error truncating the append only file " + name);
  }
  return "";
}

}  // namespace larder
