// One client. Lives on one worker's thread.
//
//   Transport -> RequestIntake -> batch of up to 64 requests -> prefetch -> run
//   (socket)                                                                 |
//       ^------- one write ------- Outbox <- replies, pushes ----------------+
//
// A task (see task.h) or CLIENT PAUSE stops the batch where it is; it goes on from there.
#pragma once

#include <asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "protocol/reply_writer.h"
#include "server/engine/dispatcher.h"
#include "server/net/handler_memory.h"
#include "server/net/outbox.h"
#include "server/net/request_intake.h"
#include "server/net/soft_limit.h"
#include "server/net/transport.h"
#include "storage/prefetch_list.h"

namespace larder {

class Worker;

class Connection : public ClientView, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Worker& worker, Transport transport, Session session);

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
  size_t query_bytes() const override;
  size_t argument_bytes() const override;
  size_t query_capacity() const override { return intake_.capacity() + ahead_bytes(); }
  size_t output_bytes() const override {
    return outbox_.pending_bytes() + transport_.unsent_bytes();
  }
  size_t reply_buffer_bytes() const override { return outbox_.peak().buffer_bytes(); }
  size_t reply_peak_bytes() const override { return outbox_.peak().bytes(); }
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
  void look_ahead(EntryList& entries);
  void run_requests();
  void send_replies();
  void read_on();
  void finish_round();
  // Both for one client, unless its script is what runs.
  void run_round();

 private:
  static constexpr unsigned kSilentPolls = 4;
  // As much unsent output breaks no limit, however low: Redis keeps it in a buffer of its own, and
  // neither omem counts it.
  static constexpr size_t kUncheckedBytes = 16 * 1024;

  // Reading.
  void read();
  void read_socket();
  void on_read(size_t bytes);
  bool decrypt(size_t bytes);
  void end_of_input(std::error_code error);
  bool is_overlong(size_t input_bytes) const;
  void close_overlong();
  bool keeps_unused_buffer(int64_t now_ms) const;
  void wait_without_buffer();
  size_t unrun_bytes() const {
    return held() || processing_ ? intake_.bytes() : intake_.unbatched_bytes();
  }

  // Running.
  void process();
  bool next_batch();
  size_t parse_batch();
  void answer_parse_error();
  void prepare_batch();
  void run_batch();
  bool run_stream_batch(int64_t now_ms);
  bool run_one(const Request& request, int64_t now_ms);
  Dispatcher::Outcome dispatch(const Request& request, int64_t now_ms);

  // What goes on after a request's first step, and what happens meanwhile.
  bool held() const { return task_ != nullptr || postponed_; }
  void make_waker();
  void begin_task();
  void drive_task();
  void drive_task_in(int64_t pause_ms);
  void wait_for_task(int64_t now_ms);
  void end_task(size_t mark);
  void set_blocked(bool blocked);
  void watch_for_hang_up();
  void look_at_input();
  bool is_hung_up();
  void read_ahead();
  void take_read_ahead();
  size_t ahead_bytes() const { return ahead_ ? ahead_->size() : 0; }

  // Writing.
  void finish_reply(size_t mark);
  void take_back(size_t mark);
  bool mid_reply() const;
  void hold_reply(size_t mark);
  bool must_hold();
  void hold();
  void release_held();
  void flush();
  void flush_stream();
  Written send_some();
  void wait_writable();
  bool sent_all() const { return outbox_.output().empty() && transport_.unsent_bytes() == 0; }
  void check_output_limits(int64_t now_ms);

  // Ending.
  bool is_idle(int64_t now_ms) const;
  bool is_handshake_overdue(int64_t now_ms) const;
  void end_failed_tls();
  void end_after_reply();

  size_t owned_bytes() const;
  void report_memory();

  Worker& worker_;
  HandlerMemory read_memory_;
  Transport transport_;
  Session session_;
  RequestIntake intake_;
  Outbox outbox_;
  ReplyWriter reply_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<asio::steady_timer> task_timer_;
  int64_t task_clock_ms_ = 0;  // Unix time less the steady clock's when the task began
  const char* stream_at_ = nullptr;  // of the primary's stream: behind the last request run
  std::unique_ptr<std::string> ahead_;  // was read while a task blocks, as it came; null: nothing
  SoftLimit soft_output_limit_;
  size_t counted_bytes_ = 0;  // as last reported to the memory account
  unsigned silent_polls_ = kSilentPolls;  // of delivered()
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
  bool stopping_ = false;
  bool closed_ = false;
};

}  // namespace larder
