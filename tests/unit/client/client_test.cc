// Client against a server that is a function, with a clock that moves when somebody waits.
#include "client/client.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace larder::client_test {
namespace {

// The far end: what it answers, how much it takes at a time, when it hangs up.
struct FakeServer {
  int64_t now_ms = 1000;
  bool up = true;              // false: connections are refused
  bool closes = false;         // hangs up when it has said everything
  size_t sends_max = SIZE_MAX;  // bytes per transfer
  std::deque<std::string> answers;  // one for each request that arrives
  std::string unasked;         // sent without a request
  std::string received;
  std::string out;
  int opened = 0;
};

size_t requests_in(Bytes bytes) {
  size_t count = 0;
  for (const char each : bytes) count += each == '*';
  return count;
}

class FakeTransport : public Transport {
 public:
  explicit FakeTransport(FakeServer& server) : server_(server) {}

  ClientDone open(const Endpoint& endpoint, int64_t) override {
    ++server_.opened;
    if (!server_.up) {
      return ClientError{ClientError::Kind::unreachable, "no " + endpoint.to_text()};
    }
    open_ = true;
    return Done{};
  }

  Progress transfer(Bytes out, std::string& in, int64_t deadline_ms) override {
    Progress progress;
    progress.sent = std::min(out.size(), server_.sends_max);
    server_.received += out.substr(0, progress.sent);
    for (size_t n = requests_in(out.substr(0, progress.sent)); n > 0; --n) {
      if (server_.answers.empty()) break;
      server_.out += server_.answers.front();
      server_.answers.pop_front();
    }
    server_.out += server_.unasked;
    server_.unasked.clear();
    progress.received = std::min(server_.out.size(), server_.sends_max);
    in += server_.out.substr(0, progress.received);
    server_.out.erase(0, progress.received);
    if (progress.sent + progress.received > 0) return progress;
    if (server_.closes) return {State::ended};
    server_.now_ms = std::max(server_.now_ms, deadline_ms);
    return {State::timed_out};
  }

  void close() override { open_ = false; }
  bool is_open() const override { return open_; }

 private:
  FakeServer& server_;
  bool open_ = false;
};

class ClientTest : public testing::Test {
 protected:
  Client make(ClientOptions options) {
    return Client(options, {std::make_unique<FakeTransport>(server_),
                            [this] { return server_.now_ms; },
                            [this](int64_t ms) {
                              sleeps_.push_back(ms);
                              server_.now_ms += ms;
                              if (sleeps_.size() == up_after_sleeps_) server_.up = true;
                            },
                            1});
  }
  static ClientOptions resp2() {
    ClientOptions options;
    options.identity.resp3 = false;
    options.backoff.jitter = 0;
    return options;
  }

  FakeServer server_;
  std::vector<int64_t> sleeps_;
  size_t up_after_sleeps_ = 0;
};

const std::string kHelloReply = "%1\r\n+proto\r\n:3\r\n";

TEST_F(ClientTest, says_hello_with_everything) {
  ClientOptions options;
  options.identity = {.password = "secret", .name = "me", .database = 4};
  server_.answers = {kHelloReply, "+OK\r\n", "+PONG\r\n"};
  Client client = make(options);
  const auto reply = client.run({"PING"});
  ASSERT_TRUE(reply) << reply.error().text;
  EXPECT_EQ(reply->text, "PONG");
  EXPECT_EQ(client.protocol_version(), 3);
  Pipeline expected;
  expected.add({"HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me"});
  expected.add({"SELECT", "4"});
  expected.add({"PING"});
  EXPECT_EQ(server_.received, expected.bytes());
}

TEST_F(ClientTest, falls_back_to_resp2) {
  ClientOptions options;
  options.identity = {.user = "joe", .password = "secret", .name = "me"};
  server_.answers = {"-ERR unknown command 'HELLO'\r\n", "+OK\r\n", "+OK\r\n"};
  Client client = make(options);
  ASSERT_TRUE(client.connect());
  EXPECT_EQ(client.protocol_version(), 2);
  Pipeline expected;
  expected.add({"HELLO", "3", "AUTH", "joe", "secret", "SETNAME", "me"});
  expected.add({"AUTH", "joe", "secret"});
  expected.add({"CLIENT", "SETNAME", "me"});
  EXPECT_EQ(server_.received, expected.bytes());
}

TEST_F(ClientTest, a_wrong_password_is_not_tried_again) {
  ClientOptions options;
  options.identity.password = "wrong";
  server_.answers = {"-WRONGPASS invalid\r\n"};
  Client client = make(options);
  const auto done = client.connect();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ClientError::Kind::refused);
  EXPECT_EQ(done.error().text, "HELLO was refused: WRONGPASS invalid");
  EXPECT_EQ(server_.opened, 1);
  EXPECT_FALSE(client.connected());
}

TEST_F(ClientTest, a_server_that_is_full_is_tried_again) {
  server_.answers = {"-ERR max number of clients reached\r\n", "-LOADING reading its data\r\n",
                     kHelloReply, "+PONG\r\n"};
  Client client = make({});
  EXPECT_TRUE(client.run({"PING"}));
  EXPECT_EQ(server_.opened, 3);
  EXPECT_EQ(sleeps_.size(), 2u);
}

TEST_F(ClientTest, a_flood_of_pushes_does_not_keep_the_caller) {
  server_.answers = {kHelloReply};
  Client client = make({});
  size_t pushes = 0;
  client.on_push([&](const Reply&) {
    ++pushes;
    server_.unasked = ">1\r\n$1000000\r\n" + std::string(1'000'000, 'x') + "\r\n";
  });
  ASSERT_TRUE(client.connect());
  server_.unasked = ">1\r\n+x\r\n";
  const auto taken = client.wait_for_pushes(100);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, pushes);
  EXPECT_GE(pushes, 16u);
}

TEST_F(ClientTest, tries_to_connect_with_growing_waits) {
  server_.up = false;
  Client client = make(resp2());
  const auto done = client.connect();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ClientError::Kind::unreachable);
  EXPECT_EQ(server_.opened, 5);
  EXPECT_EQ(sleeps_, (std::vector<int64_t>{50, 100, 200, 400}));
}

TEST_F(ClientTest, connects_when_the_server_comes_back) {
  server_.up = false;
  up_after_sleeps_ = 3;
  server_.answers = {"+PONG\r\n"};
  Client client = make(resp2());
  EXPECT_TRUE(client.run({"PING"}));
  EXPECT_EQ(sleeps_.size(), 3u);
}

TEST_F(ClientTest, a_pipeline_in_small_pieces) {
  server_.sends_max = 3;
  Client client = make(resp2());
  Pipeline pipeline;
  for (int i = 0; i < 200; ++i) {
    pipeline.add({"ECHO", std::to_string(i)});
    server_.answers.push_back("$" + std::to_string(std::to_string(i).size()) + "\r\n" +
                              std::to_string(i) + "\r\n");
  }
  const auto replies = client.run(pipeline);
  ASSERT_TRUE(replies) << replies.error().text;
  ASSERT_EQ(replies->size(), 200u);
  for (size_t i = 0; i < 200; ++i) EXPECT_EQ((*replies)[i].text, std::to_string(i));
}

TEST_F(ClientTest, pushes_are_no_replies) {
  server_.answers = {kHelloReply, ">2\r\n+invalidate\r\n+a\r\n:1\r\n>1\r\n+x\r\n", ":2\r\n"};
  Client client = make({});
  std::vector<std::string> pushes;
  client.on_push([&](const Reply& push) { pushes.push_back(push.to_text()); });
  Pipeline pipeline;
  pipeline.add({"INCR", "a"});
  pipeline.add({"INCR", "a"});
  const auto replies = client.run(pipeline);
  ASSERT_TRUE(replies);
  EXPECT_EQ((*replies)[0].integer, 1);
  EXPECT_EQ((*replies)[1].integer, 2);
  EXPECT_EQ(pushes, (std::vector<std::string>{"[invalidate, a]", "[x]"}));
}

TEST_F(ClientTest, waits_for_pushes) {
  server_.answers = {kHelloReply};
  Client client = make({});
  int pushes = 0;
  client.on_push([&](const Reply&) { ++pushes; });
  EXPECT_FALSE(client.wait_for_pushes(10)) << "not connected yet";
  ASSERT_TRUE(client.post({"SUBSCRIBE", "c"}));
  server_.unasked = ">3\r\n+subscribe\r\n+c\r\n:1\r\n>3\r\n+message\r\n+c\r\n+hi\r\n";
  EXPECT_EQ(*client.wait_for_pushes(100), 2u);
  EXPECT_EQ(pushes, 2);
  const int64_t before_ms = server_.now_ms;
  EXPECT_EQ(*client.wait_for_pushes(100), 0u);
  EXPECT_EQ(server_.now_ms, before_ms + 100);
}

TEST_F(ClientTest, a_silent_server_times_out_and_its_late_reply_is_not_used) {
  ClientOptions options = resp2();
  options.command_ms_max = 300;
  Client client = make(options);
  const auto reply = client.run({"GET", "a"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ClientError::Kind::timed_out);
  EXPECT_EQ(reply.error().text, "no reply within 300 ms");
  EXPECT_EQ(server_.now_ms, 1300);
  EXPECT_FALSE(client.connected());
  server_.answers = {"+mine\r\n"};
  EXPECT_EQ(client.run({"GET", "b"})->text, "mine");
  EXPECT_EQ(client.connections(), 2u);
}

TEST_F(ClientTest, a_lost_request_is_not_repeated) {
  server_.closes = true;
  Client client = make(resp2());
  const auto reply = client.run({"INCR", "a"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ClientError::Kind::lost);
  EXPECT_EQ(requests_in(server_.received), 1u);
}

TEST_F(ClientTest, an_ended_connection_is_seen_before_a_request_is_lost_to_it) {
  server_.answers = {"+a\r\n"};
  Client client = make(resp2());
  ASSERT_TRUE(client.run({"GET", "a"}));
  server_.closes = true;  // the server restarts
  server_.answers = {"+b\r\n"};
  EXPECT_EQ(client.run({"GET", "b"})->text, "b");
  EXPECT_EQ(client.connections(), 2u);
}

TEST_F(ClientTest, what_is_no_reply_ends_the_connection) {
  server_.answers = {"HTTP/1.1 400\r\n"};
  Client client = make(resp2());
  auto reply = client.run({"GET", "a"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ClientError::Kind::protocol);
  EXPECT_FALSE(client.connected());
  server_.answers = {":1\r\n:2\r\n", ":3\r\n"};
  reply = client.run({"GET", "a"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text, "the server sent a reply to no request");
}

TEST_F(ClientTest, an_empty_pipeline) {
  Client client = make(resp2());
  const auto replies = client.run(Pipeline());
  ASSERT_TRUE(replies);
  EXPECT_TRUE(replies->empty());
}

}  // namespace
}  // namespace larder::client_test
