#include "client/handshake.h"

#include <initializer_list>
#include <vector>

#include "client/request.h"

namespace larder {
namespace {

class Handshake {
 public:
  Handshake(Channel& channel, const Identity& identity, int64_t silence_ms_max)
      : channel_(channel), identity_(identity), silence_ms_max_(silence_ms_max) {}

  Result<int, ClientError> run() {
    int version = 2;
    if (identity_.resp3) {
      const auto agreed = hello();
      if (!agreed) return agreed.error();
      version = *agreed;
    }
    if (version == 2) {
      if (const auto done = introduce(); !done) return done.error();
    }
    if (identity_.database != 0) {
      const std::string number = std::to_string(identity_.database);
      if (const auto done = expect_ok({"SELECT", number}); !done) return done.error();
    }
    return version;
  }

 private:
  // Returns 2 when the server has no HELLO or no RESP3.
  Result<int, ClientError> hello() {
    std::vector<Bytes> args{"HELLO", "3"};
    if (!identity_.password.empty()) {
      args.insert(args.end(), {"AUTH", user(), identity_.password});
    }
    if (!identity_.name.empty()) args.insert(args.end(), {"SETNAME", identity_.name});
    const auto reply = ask(args);
    if (!reply) return reply.error();
    if (!reply->is_error()) return 3;
    const bool unknown = reply->text.starts_with("ERR unknown command") ||
                         reply->text.starts_with("NOPROTO");
    if (unknown) return 2;
    return refusal("HELLO", *reply);
  }

  ClientDone introduce() {
    if (!identity_.password.empty()) {
      // Servers before Redis 6 take the password alone.
      const auto done = identity_.user.empty()
                            ? expect_ok({"AUTH", identity_.password})
                            : expect_ok({"AUTH", identity_.user, identity_.password});
      if (!done) return done;
    }
    if (identity_.name.empty()) return Done{};
    return expect_ok({"CLIENT", "SETNAME", identity_.name});
  }

  Bytes user() const { return identity_.user.empty() ? Bytes("default") : Bytes(identity_.user); }

  ClientDone expect_ok(std::initializer_list<Bytes> args) {
    const auto reply = ask({args.begin(), args.size()});
    if (!reply) return reply.error();
    if (reply->is_error()) return refusal(*args.begin(), *reply);
    return Done{};
  }

  Result<Reply, ClientError> ask(std::span<const Bytes> args) {
    std::string request;
    append_request(request, args);
    std::vector<Reply> replies;
    const auto done = channel_.exchange(request, 1, silence_ms_max_, replies);
    if (!done) return done.error();
    return std::move(replies[0]);
  }

  static ClientError refusal(Bytes command, const Reply& reply) {
    return {passes(reply.text) ? ClientError::Kind::unreachable : ClientError::Kind::refused,
            std::string(command) + " was refused: " + reply.text};
  }

  // What a server says that will take us later: it is full, or it reads its data.
  static bool passes(Bytes error) {
    return error.starts_with("ERR max number of clients reached") || error.starts_with("LOADING");
  }

  Channel& channel_;
  const Identity& identity_;
  const int64_t silence_ms_max_;
};

}  // namespace

Result<int, ClientError> shake_hands(Channel& channel, const Identity& identity,
                                     int64_t silence_ms_max) {
  return Handshake(channel, identity, silence_ms_max).run();
}

}  // namespace larder
