#include "trace/trace.h"

#include <zlib.h>

#include <array>
#include <memory>
#include <optional>
#include <unordered_set>

#include "base/hash.h"
#include "base/numbers.h"

namespace larder {
namespace {

struct Closer {
  void operator()(gzFile file) const { ::gzclose(file); }
};
using File = std::unique_ptr<gzFile_s, Closer>;

std::optional<uint32_t> number(Bytes text, uint32_t low) {
  const auto value = parse_int64(text);
  if (!value || *value < low || *value > UINT32_MAX) return {};
  return static_cast<uint32_t>(*value);
}

// Returns what is wrong with the line, or nothing.
std::string parse(Bytes line, TracedRequest& request, bool& sized) {
  const size_t first = line.find(',');
  const Bytes key = line.substr(0, first);
  if (key.empty()) return "no key";
  request = {.hash = digest_of(key)};
  if (first == Bytes::npos) return "";
  const Bytes rest = line.substr(first + 1);
  const size_t second = rest.find(',');
  const auto bytes = number(rest.substr(0, second), 1);
  if (!bytes) return "the size must be a number from 1 to 4294967295";
  request.bytes = *bytes;
  sized = true;
  if (second == Bytes::npos) return "";
  const auto ttl = number(rest.substr(second + 1), 0);
  if (!ttl) return "the ttl must be a number of seconds from 0 to 4294967295";
  request.ttl_s = *ttl;
  return "";
}

class Reader {
 public:
  Reader(const std::string& path, size_t limit, Trace& trace)
      : path_(path), limit_(limit), trace_(trace), file_(::gzopen(path.c_str(), "rb")) {}

  std::string read() {
    if (!file_) return path_ + ": can't be opened";
    std::array<char, kLineMax + 2> buffer;
    while (limit_ == 0 || trace_.requests.size() < limit_) {
      ++line_;
      if (::gzgets(file_.get(), buffer.data(), buffer.size()) == nullptr) break;
      const std::string error = take(Bytes(buffer.data()));
      if (!error.empty()) return at_line(error);
    }
    int code = Z_OK;
    const char* why = ::gzerror(file_.get(), &code);
    if (code != Z_OK && code != Z_STREAM_END) return at_line(why);
    return trace_.requests.empty() ? path_ + ": no requests" : "";
  }

 private:
  std::string at_line(const std::string& what) const {
    return path_ + ":" + std::to_string(line_) + ": " + what;
  }

  std::string take(Bytes line) {
    if (!line.empty() && line.back() == '\n') {
      line.remove_suffix(1);
    } else if (line.size() > kLineMax) {
      return "longer than " + std::to_string(kLineMax) + " characters";
    } else if (::gzeof(file_.get()) == 0) {
      return "a zero byte";
    }
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') return "";
    TracedRequest request;
    if (std::string error = parse(line, request, trace_.sized); !error.empty()) return error;
    if (trace_.requests.size() == kRequestsMax) return "too many requests";
    if (seen_.insert(request.hash).second) {
      ++trace_.distinct;
      trace_.distinct_bytes += request.bytes;
    }
    trace_.requests.push_back(request);
    return "";
  }

  const std::string& path_;
  const size_t limit_;
  Trace& trace_;
  const File file_;
  size_t line_ = 0;
  std::unordered_set<uint64_t> seen_;
};

}  // namespace

std::string read_trace(const std::string& path, size_t limit, Trace& trace) {
  return Reader(path, limit, trace).read();
}

}  // namespace larder
