// One client: socket, query buffer, parser, output. Lives on one worker's thread.
//
//   readable -> query buffer -> batch of up to 64 requests -> prefetch -> run -> one write
//
// A task (see task.h) or CLIENT PAUSE stops the batch where it is; it goes on from there. On a TLS
// port a stream stands between the socket and both buffers; elsewhere it is null, which is all that
// the plain path knows of it.
#pragma once

#include <algorithm>
#include <asio/generic/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "protocol/output.h"
#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "server/engine/dispatcher.h"
#include "server/net/handler_memory.h"
#include "server/net/held_replies.h"
#include "server/net/query_buffer.h"
#include "server/net/reply_peak.h"
#include "server/net/tls_stream.h"

namespace larder {

class Worker;

class Connection : public ClientView, public std::enable_shared_from_this<Connection> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  // `tls` is null on a plain connection.
  Connection(Worker& worker, Socket socket, Session session, std::unique_ptr<TlsStream> tls);

  // `unread` has come already.
  void start(Bytes unread);
  void close();
  bool closed() const { return closed_; }
  // Every ~100 ms: time-outs, hang-ups of clients that wait, soft output limits.
  void tick(int64_t now_ms);
  // Tries what a pause held back.
  void retry();
  // The server stops: no new request is run.
  void stop_reading() { stopping_ = true; }
  // Then, asked every few ms: true once the client has every reply and has fallen silent or hung
  // up, so that closing loses nothing.
  bool delivered();

  // ClientView
  Session& session() override { return session_; }
  // A request that runs still stands in the buffer.
  size_t query_bytes() const override {
    const size_t ahead = ahead_ ? ahead_->size() : 0;
    return ahead + query_.size() - (held() || processing_ ? 0 : parser_.parsed());
  }
  size_t argument_bytes() const override;
  size_t query_capacity() const override {
    return query_.capacity() + (ahead_ ? ahead_->size() : 0);
  }
  size_t output_bytes() const override {
    return output_.pending() + held_pushes_.size() + (tls_ ? tls_->unsent().size() : 0);
  }
  size_t reply_buffer_bytes() const override { return reply_peak_.buffer_bytes(); }
  size_t reply_peak_bytes() const override { return reply_peak_.bytes(); }
  size_t memory_bytes() const override;
  void kill(bool after_reply) override;
  bool unblock(const char* error) override;
  void send(Bytes bytes) override;
  void push(Bytes head, Bytes tail, const std::shared_ptr<const void>& owner) override;
  // Sends replies that were held until their effects are safe, as far as they are now.
  void release_replies();
  void feed() override;
  // Sends what push() took; the worker calls it.
  void send_pushes();
  // Holds noticeably more than was counted, and `maxmemory-clients` is set.
  bool has_grown() const;

  void wake_task();

  // The worker runs what was read from several clients together, in three passes over them, so that
  // the memory of one request arrives while another is looked at.
  void prefetch_entries();
  void run_requests();
  void send_replies();
  void read_on();
  void finish_round();
  // Both for one client, unless its script is what runs.
  void run_round();

 private:
  static constexpr size_t kBatch = 64;
  static constexpr size_t kWritePieces = 16;
  // A client with more to take waits for the next round of the event loop, so that others' replies
  // are not behind megabytes that the kernel copies.
  static constexpr size_t kWriteBytes = 64 * 1024;
  static constexpr unsigned kSilentPolls = 4;
  // As much unsent output breaks no limit, however low: Redis keeps it in a buffer of its own, and
  // neither omem counts it.
  static constexpr size_t kUncheckedBytes = 16 * 1024;
  // What a client that has not said who it is may leave unread beyond that, as in Redis.
  static constexpr int64_t kStrangerBytesMax = 1024;

  void read();
  void end_of_input(std::error_code error);
  bool is_overlong(size_t input_bytes) const;
  void close_overlong();
  bool is_query_unused() const;
  void report_memory();
  bool is_idle(int64_t now_ms) const;
  bool keeps_unused_buffer(int64_t now_ms) const;
  size_t unrun_bytes() const {
    return held() || processing_ ? query_.size() : query_.size() - parser_.position();
  }
  void wait_without_buffer();
  void on_read(size_t bytes);
  void process();
  size_t parse_batch();
  void answer_parse_error();
  void prepare_batch();
  void run_batch();
  bool run_one(const Request& request, int64_t now_ms);
  void finish_reply(size_t mark);
  void take_back(size_t mark);
  bool mid_reply() const;
  void append_held_pushes();
  void put_behind_held_replies(size_t mark);
  void make_waker();
  void drive_task();
  void drive_task_later();
  void watch_for_hang_up();
  void look_at_input();
  bool is_hung_up();
  void read_ahead();
  void take_read_ahead();
  void set_blocked(bool blocked);
  void wait_for_task(int64_t now_ms);
  // What became of a write: `all` is sent, `some` waits for the socket or for its turn, or the
  // connection `ended`.
  enum class Written : uint8_t { all, some, ended };
  void flush();
  bool must_hold();
  void wait_writable();
  void flush_stream();
  bool run_stream_batch(int64_t now_ms);
  void hold_reply(size_t mark);
  void hold();
  void release_held();
  // By whichever way the connection has.
  Written send_some() { return tls_ ? write_encrypted() : write_some(); }
  Written write_some();
  Written write_encrypted();
  bool encrypt_some();
  ssize_t send_now(const Bytes* views, size_t count, size_t most);
  bool decrypt(size_t bytes);
  void end_failed_tls();
  void say_goodbye();
  bool sent_all() const { return output_.empty() && (!tls_ || tls_->unsent().empty()); }
  void check_output_limits(int64_t now_ms);
  size_t owned_bytes() const;
  void end_after_reply();
  size_t discard_input(bool& hung_up);
  bool held() const { return task_ != nullptr || postponed_; }

  Worker& worker_;
  HandlerMemory read_memory_;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  Session session_;
  QueryBuffer query_;
  RequestParser parser_;
  Output output_;
  ReplyWriter reply_;
  std::vector<Request> batch_;
  size_t batch_next_ = 0;  // in batch_, the first that has not run
  std::unique_ptr<Task> task_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<asio::steady_timer> task_timer_;
  int64_t task_clock_ms_ = 0;  // Unix time less the steady clock's when the task began
  std::unique_ptr<HeldReplies> held_replies_;  // null: none
  const char* stream_at_ = nullptr;  // of the primary's stream: behind the last request run
  std::string held_pushes_;  // came while a reply was being written
  std::unique_ptr<std::string> ahead_;  // was read while a task blocks, as it came; null: nothing
  bool feeding_ = false;     // flush_stream goes on soon
  bool has_pushes_ = false;  // the worker will call send_pushes
  bool reading_ = false;
  bool watching_ = false;  // for a hang-up
  bool blocked_for_a_time_ = false;  // until its data comes, or the time is over
  bool giving_up_buffer_ = false;
  bool writing_ = false;
  bool holding_ = false;  // the worker will call release_replies
  bool processing_ = false;
  bool postponed_ = false;
  bool parse_failed_ = false;
  bool stopping_ = false;
  unsigned silent_polls_ = kSilentPolls;  // of delivered()
  bool closed_ = false;
  int64_t over_soft_since_ms_ = 0;
  ReplyPeak reply_peak_;
  size_t counted_bytes_ = 0;  // as last reported to the memory account
};

}  // namespace larder
