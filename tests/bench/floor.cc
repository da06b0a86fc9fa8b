// larder-floor: the least a server can do. It looks for the start of each request and sends a
// canned reply; keys are not parsed, nothing is stored. What a real server costs above it is what
// its own code costs; the rest is the kernel and the event loop.
//
//   *1 -> +PONG     *2 -> a 64-byte value     *3 and more -> +OK
//
// Not a server for anything but the benchmark: arguments must not contain '*'.
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

using asio::ip::tcp;

const std::string kPong = "+PONG\r\n";
const std::string kOk = "+OK\r\n";
const std::string kValue = "$64\r\n" + std::string(64, 'x') + "\r\n";

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket socket) : socket_(std::move(socket)) {
    socket_.non_blocking(true);
    socket_.set_option(tcp::no_delay(true));
  }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](std::error_code error, size_t bytes) {
                              if (error) return;
                              self->answer(bytes);
                              self->write();
                            });
  }

 private:
  void answer(size_t bytes) {
    const char* at = buffer_;
    const char* const end = buffer_ + bytes;
    if (split_) add_reply(*at);
    split_ = false;
    while ((at = static_cast<const char*>(std::memchr(at, '*', end - at))) != nullptr) {
      if (++at == end) {
        split_ = true;
        return;
      }
      add_reply(*at);
    }
  }

  void add_reply(char arguments) {
    output_ += arguments == '1' ? kPong : arguments == '2' ? kValue : kOk;
  }

  void write() {
    std::error_code error;
    const size_t sent = socket_.write_some(asio::buffer(output_), error);
    if (error && error != asio::error::would_block) return;
    output_.erase(0, sent);
    if (output_.empty()) return read();
    socket_.async_wait(tcp::socket::wait_write,
                       [self = shared_from_this()](std::error_code failed) {
                         if (!failed) self->write();
                       });
  }

  tcp::socket socket_;
  char buffer_[64 * 1024];
  std::string output_;
  bool split_ = false;  // the last read ended between '*' and the count
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Connection>(std::move(socket))->read();
    accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 7000);
  asio::io_context loop(ASIO_CONCURRENCY_HINT_UNSAFE);
  tcp::acceptor acceptor(loop, {asio::ip::make_address("127.0.0.1"), port});
  accept(acceptor);
  loop.run();
}
