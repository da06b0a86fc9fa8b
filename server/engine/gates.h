// What stands between a request and its handler: a list of gates. A gate is two functions: whether
// a request concerns it at all, in a test or two because every request is asked, and the check
// itself, which lets the request pass or says why not. A new rule is one gate and one name in the
// list.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "server/engine/call.h"

namespace larder {

// What a gate may look at. `command` is null for an unknown name.
struct GateInput {
  Services& services;
  WorkerContext& worker;
  Session& session;
  const Command* command;
  std::span<const Bytes> args;
  int64_t now_ms;
  bool& out_of_memory;  // set for requests that pass all the same, as scripts do: they ask again
};

// Runs the gates in order. Returns the first refusal, or ok.
Status pass_gates(const GateInput& input);
// The same for what a primary sends: it may do anything.
Status pass_gates_of_stream(const GateInput& input);

// The first words of an HTTP request: somebody makes a browser talk to the server, and the next
// line could be a command. Redis hangs up without an answer, and so do we.
bool is_cross_protocol(const GateInput& input);

// CLIENT PAUSE, and workers that cannot keep up with what they have to push: not a refusal, the
// request waits.
bool must_wait(const GateInput& input);
// It waits because clients are paused (CLIENT PAUSE, the end of the server).
bool is_paused(const GateInput& input);
// A write that is refused as one for a replica, while this server hands over: it may yet be done
// here, if the other one does not take over.
bool waits_for_failover(const GateInput& input, const Status& refusal);

}  // namespace larder
