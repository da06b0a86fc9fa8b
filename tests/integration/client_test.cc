// The client library against the real server: what a fake transport cannot show.
#include "client/client.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "tests/support/server_process.h"

namespace larder {
namespace {

using Kind = ClientError::Kind;

ClientOptions options_for(const ServerProcess& server, bool resp3 = true) {
  ClientOptions options;
  options.endpoint = server.endpoint();
  options.identity.resp3 = resp3;
  options.connect_attempts = 1;
  // Far beyond what a slow machine needs: no test waits for it to pass unless it sets its own.
  options.command_ms_max = options.connect_ms_max = 60'000;
  return options;
}

Reply ask(Client& client, std::initializer_list<Bytes> args) {
  const auto reply = client.run(args);
  if (reply) return *reply;
  ADD_FAILURE() << reply.error().text;
  return {};
}

TEST(ClientWithServer, speaks_both_protocols) {
  ServerProcess server;
  for (const bool resp3 : {false, true}) {
    Client client(options_for(server, resp3));
    EXPECT_TRUE(ask(client, {"SET", "k", Bytes("a\r\n\0b", 5)}).is_ok());
    EXPECT_EQ(ask(client, {"GET", "k"}).text, std::string("a\r\n\0b", 5));
    EXPECT_TRUE(ask(client, {"GET", "missing"}).is_null());
    EXPECT_EQ(ask(client, {"STRLEN", "k"}).integer, 5);
    EXPECT_EQ(ask(client, {"NO-SUCH"}).text.substr(0, 19), "ERR unknown command");
    const Reply pairs = ask(client, {"CONFIG", "GET", "databases"});
    EXPECT_EQ(pairs.type, resp3 ? Reply::Type::map : Reply::Type::array);
    ASSERT_NE(pairs.find("databases"), nullptr);
    EXPECT_EQ(pairs.find("databases")->text, "16");
    EXPECT_EQ(client.protocol_version(), resp3 ? 3 : 2);
  }
}

TEST(ClientWithServer, a_pipeline_larger_than_any_buffer) {
  ServerProcess server;
  Client client(options_for(server));
  constexpr int kRequests = 200'000;
  Pipeline pipeline;
  for (int i = 0; i < kRequests; ++i) pipeline.add({"ECHO", std::to_string(i)});
  const auto replies = client.run(pipeline);
  ASSERT_TRUE(replies) << replies.error().text;
  ASSERT_EQ(replies->size(), size_t{kRequests});
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ((*replies)[i].text, std::to_string(i));
}

TEST(ClientWithServer, a_large_value) {
  ServerProcess server;
  Client client(options_for(server));
  const std::string value(50'000'000, 'v');
  EXPECT_TRUE(ask(client, {"SET", "big", value}).is_ok());
  EXPECT_TRUE(ask(client, {"GET", "big"}).text == value);
}

TEST(ClientWithServer, says_who_it_is) {
  ServerProcess server({"--requirepass", "secret"});
  ClientOptions options = options_for(server);
  options.identity = {.password = "wrong"};
  const auto refused = Client(options).connect();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::refused);
  for (const bool resp3 : {false, true}) {
    options.identity = {.password = "secret", .name = "tester", .database = 3, .resp3 = resp3};
    Client client(options);
    EXPECT_EQ(ask(client, {"CLIENT", "GETNAME"}).text, "tester");
    const std::string info = ask(client, {"CLIENT", "INFO"}).text;
    EXPECT_NE(info.find(" db=3 "), info.npos) << info;
    options.identity.user = "default";
    EXPECT_TRUE(Client(options).connect());
  }
}

TEST(ClientWithServer, by_unix_socket) {
  ServerProcess server;
  ClientOptions options = options_for(server);
  options.endpoint.unix_path = server.socket_path();
  Client client(options);
  EXPECT_EQ(ask(client, {"PING"}).text, "PONG");
}

TEST(ClientWithServer, nobody_listens) {
  ClientOptions options;
  options.endpoint.port = free_port();
  options.connect_attempts = 2;
  options.backoff.first_ms = 1;
  const auto done = Client(options).connect();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, Kind::unreachable);
  EXPECT_EQ(done.error().text,
            "cannot connect to " + options.endpoint.to_text() + ": Connection refused");
}

TEST(ClientWithServer, a_killed_server_loses_the_request_and_its_successor_is_found) {
  ServerProcess server;
  int sleeps = 0;
  ClientOptions options = options_for(server);
  options.connect_attempts = 10;
  // The server comes back while the client waits for its third attempt.
  Client client(options, {std::make_unique<SocketTransport>(), steady_ms,
                          [&](int64_t) {
                            if (++sleeps == 2) server.start();
                          },
                          1});
  EXPECT_TRUE(ask(client, {"SET", "k", "v"}).is_ok());
  server.kill();
  EXPECT_TRUE(ask(client, {"GET", "k"}).is_null()) << "a new server has nothing";
  EXPECT_EQ(sleeps, 2);
  EXPECT_EQ(client.connections(), 2u);
}

TEST(ClientWithServer, a_connection_killed_while_idle_is_replaced) {
  ServerProcess server;
  Client client(options_for(server));
  Client other(options_for(server));
  const std::string id = std::to_string(ask(client, {"CLIENT", "ID"}).integer);
  EXPECT_EQ(ask(other, {"CLIENT", "KILL", "ID", id}).integer, 1);
  EXPECT_TRUE(eventually([&] {
    const std::string list = ask(other, {"CLIENT", "LIST"}).text;
    return list.find("id=" + id + " ") == list.npos;
  }));
  EXPECT_EQ(ask(client, {"PING"}).text, "PONG");
  EXPECT_EQ(client.connections(), 2u);
}

TEST(ClientWithServer, a_paused_server_times_out_and_its_late_reply_is_not_used) {
  ServerProcess server;
  ClientOptions options = options_for(server);
  options.command_ms_max = 100;
  Client client(options);
  Client other(options_for(server));
  ASSERT_TRUE(client.connect());
  EXPECT_TRUE(ask(other, {"SET", "k", "v"}).is_ok());
  EXPECT_TRUE(ask(other, {"CLIENT", "PAUSE", "1000", "ALL"}).is_ok());
  const auto reply = client.run({"GET", "k"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, Kind::timed_out);
  EXPECT_TRUE(eventually([&] {
    const auto again = client.run({"ECHO", "mine"});
    return again && again->text == "mine";
  }));
}

TEST(ClientWithServer, a_full_server_takes_us_when_somebody_leaves) {
  ServerProcess server({"--maxclients", "1"});
  Client first(options_for(server));
  ASSERT_TRUE(eventually([&] { return first.connect().ok(); }));  // the test's own look is gone
  int sleeps = 0;
  ClientOptions options = options_for(server);
  options.connect_attempts = 1000;
  Client second(options, {std::make_unique<SocketTransport>(), steady_ms,
                          [&](int64_t) {
                            ++sleeps;
                            first.close();
                          },
                          1});
  EXPECT_EQ(ask(second, {"PING"}).text, "PONG");
  EXPECT_GE(sleeps, 1);
}

TEST(ClientWithServer, gets_pushes) {
  ServerProcess server;
  Client listener(options_for(server));
  Client speaker(options_for(server));
  std::vector<std::string> pushes;
  listener.on_push([&](const Reply& push) { pushes.push_back(push.to_text()); });
  ASSERT_TRUE(listener.post({"SUBSCRIBE", "c"}));
  ASSERT_TRUE(listener.wait_for_pushes(60'000));
  for (const Bytes word : {"one", "two"}) {
    EXPECT_EQ(ask(speaker, {"PUBLISH", "c", word}).integer, 1);
  }
  while (pushes.size() < 3) {
    const auto taken = listener.wait_for_pushes(60'000);
    ASSERT_TRUE(taken && *taken > 0);
  }
  EXPECT_EQ(pushes[1], "[\"message\", \"c\", \"one\"]");
  EXPECT_EQ(pushes[2], "[\"message\", \"c\", \"two\"]");
  EXPECT_EQ(ask(listener, {"PING"}).text, "PONG") << "RESP3 mixes commands and messages";
}

}  // namespace
}  // namespace larder
