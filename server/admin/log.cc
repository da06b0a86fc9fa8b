#include "server/admin/log.h"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace larder {
namespace {

struct LevelName {
  Bytes name;
  char sign;
};
constexpr std::array<LevelName, 5> kLevels{
    {{"debug", '.'}, {"verbose", '-'}, {"notice", '*'}, {"warning", '#'}, {"nothing", ' '}}};

const LevelName& level_name(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

std::string json_part(LogLevel level, Bytes message) {
  const nlohmann::json text{std::string(message)};
  const std::string quoted =
      text[0].dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return R"("level":")" + std::string(level_name(level).name) + R"(","message":)" + quoted;
}

// spdlog would make missing folders, which hides a mistyped path.
std::string not_writable(const std::string& path) {
  if (path.empty()) return "";
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return std::strerror(errno);
  ::close(fd);
  return "";
}

}  // namespace

struct Log::Sink {
  explicit Sink(spdlog::sink_ptr to) : logger("larder", std::move(to)) {}
  spdlog::logger logger;
};

LogLevel log_level_of(Bytes name) {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i].name == name) return static_cast<LogLevel>(i);
  }
  return LogLevel::notice;
}

Log::Log() { open("", false); }

Log::~Log() = default;

std::string Log::open(const std::string& path, bool json) {
  if (const std::string why = not_writable(path); !why.empty()) {
    return "Can't open the log file: " + path + ": " + why;
  }
  std::lock_guard lock(mutex_);
  try {
    spdlog::sink_ptr to;
    if (path.empty()) {
      to = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      to = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    }
    auto sink = std::make_unique<Sink>(std::move(to));
    sink->logger.set_level(spdlog::level::trace);
    sink->logger.flush_on(spdlog::level::trace);
    sink->logger.set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","pid":%P,%v})"
                                  : "%P:M %d %b %Y %H:%M:%S.%e %v");
    sink_ = std::move(sink);
  } catch (const spdlog::spdlog_ex& failure) {
    return "Can't open the log file: " + std::string(failure.what());
  }
  path_ = path;
  json_ = json;
  return "";
}

std::string Log::reopen() { return open(path_, json_); }

void Log::set_level(LogLevel level) {
  std::lock_guard lock(mutex_);
  level_ = level;
}

void Log::write(LogLevel level, Bytes message) {
  std::lock_guard lock(mutex_);
  if (level < level_ || level_ == LogLevel::nothing) return;
  const std::string line = json_ ? json_part(level, message)
                                 : std::string{level_name(level).sign, ' '}.append(message);
  sink_->logger.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace larder
