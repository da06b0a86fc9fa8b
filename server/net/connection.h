// One client: socket, query buffer, parser, output. Lives on one worker's thread.
//
//   readable -> query buffer -> batch of up to 64 requests -> prefetch -> run -> one write
//
// A task (see task.h) or CLIENT PAUSE stops the batch where it is; it goes on from there.
#pragma once

#include <algorithm>
#include <asio/generic/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "protocol/output.h"
#include "protocol/reply_writer.h"
#include "protocol/request_parser.h"
#include "server/commands/dispatcher.h"
#include "server/net/handler_memory.h"
#include "server/net/query_buffer.h"

namespace larder {

class Worker;

class Connection : public ClientView, public std::enable_shared_from_this<Connection> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  Connection(Worker& worker, Socket socket, Session session);

  void start() { read(); }
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
    return held() || processing_ ? query_.size() : query_.size() - parser_.position();
  }
  size_t argument_bytes() const override;
  size_t query_capacity() const override { return query_.capacity(); }
  size_t output_bytes() const override { return output_.pending(); }
  size_t reply_buffer_bytes() const override;
  size_t reply_peak_bytes() const override { return std::max(reply_peak_, earlier_peak_); }
  size_t memory_bytes() const override;
  void kill(bool after_reply) override;
  bool unblock(bool with_error) override;
  void send(Bytes bytes) override;
  void push(Bytes head, Bytes tail, const std::shared_ptr<const void>& owner) override;
  // Sends what push() took; the worker calls it.
  void send_pushes();

  void wake_task();

  // The worker runs what was read from several clients together, in three passes over them, so that
  // the memory of one request arrives while another is looked at.
  void prefetch_entries();
  void run_requests();
  void finish_round();

 private:
  static constexpr size_t kBatch = 64;
  static constexpr unsigned kSilentPolls = 4;

  void read();
  void wait_without_buffer();
  void on_read(size_t bytes);
  void process();
  size_t parse_batch();
  void prepare_batch();
  void run_batch();
  bool run_one(const Request& request, int64_t now_ms);
  void finish_reply(size_t mark);
  void take_back(size_t mark);
  void append_held_pushes();
  void drive_task();
  void watch_for_hang_up();
  bool is_hung_up();
  void set_blocked(bool blocked);
  void wait_for_task(int64_t now_ms);
  void flush();
  bool write_some();
  void check_output_limits(int64_t now_ms);
  void age_reply_peak(int64_t now_ms);
  size_t owned_bytes() const;
  void note_growth();
  void end_after_reply();
  size_t discard_input(bool& hung_up);
  bool held() const { return task_ != nullptr || postponed_; }

  Worker& worker_;
  HandlerMemory read_memory_;
  Socket socket_;
  Session session_;
  QueryBuffer query_;
  RequestParser parser_;
  Output output_;
  ReplyWriter reply_;
  std::vector<Request> batch_;
  size_t batch_next_ = 0;  // in batch_, the first that has not run
  std::unique_ptr<Task> task_;
  size_t task_mark_ = 0;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<asio::steady_timer> task_timer_;
  std::string held_pushes_;  // came while a reply was being written
  bool has_pushes_ = false;  // the worker will call send_pushes
  bool reading_ = false;
  bool watching_ = false;  // for a hang-up
  bool giving_up_buffer_ = false;
  bool writing_ = false;
  bool processing_ = false;
  bool postponed_ = false;
  bool parse_failed_ = false;
  bool stopping_ = false;
  unsigned silent_polls_ = kSilentPolls;  // of delivered()
  bool closed_ = false;
  int64_t over_soft_since_ms_ = 0;
  size_t reply_peak_ = 0;    // bytes of a round's replies, the most since the period began
  size_t earlier_peak_ = 0;  // of the period before
  int64_t peak_since_ms_ = 0;
  size_t counted_bytes_ = 0;  // as last reported to the memory account
};

}  // namespace larder
