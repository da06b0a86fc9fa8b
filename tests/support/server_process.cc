#include "tests/support/server_process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/check.h"
#include "base/clock.h"

namespace larder {

uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), bytes) == 0);
  CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

ServerProcess::ServerProcess(std::vector<std::string> options) : options_(std::move(options)) {
  std::string pattern = std::filesystem::temp_directory_path() / "larder-test-XXXXXX";
  CHECK(::mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  port_ = free_port();
  start();
}

ServerProcess::~ServerProcess() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void ServerProcess::start() {
  std::vector<std::string> words{LARDER_SERVER,         "--bind",       "127.0.0.1",  "--port",
                                 std::to_string(port_), "--unixsocket", socket_path(),
                                 "--save", ""};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> line;
  for (std::string& word : words) line.push_back(word.data());
  line.push_back(nullptr);
  const std::string log_path = folder_ + "/log";
  pid_ = ::fork();
  if (pid_ == 0) {
    const int fd = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    ::execv(line[0], line.data());
    ::_exit(127);
  }
  CHECK(pid_ > 0);
  wait_until_up();
}

void ServerProcess::wait_until_up() {
  const bool up = eventually([this] {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = -1;
      return true;
    }
    Endpoint last = endpoint();  // of the two sockets
    last.unix_path = socket_path();
    SocketTransport transport;
    return transport.open(last, steady_ms() + 1000).ok();
  });
  if (up && pid_ > 0) return;
  std::fprintf(stderr, "the server did not come up:\n%s\n", log().c_str());
  CHECK(false);
}

void ServerProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string ServerProcess::log() const {
  std::ifstream file(folder_ + "/log");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace larder
