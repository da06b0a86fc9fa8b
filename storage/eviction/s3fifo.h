// Three queues, first in, first out: small, main, and the ghosts of what left small unused.
//
//   new key ----------> small --used twice--> main --used--+
//                         |                    ^  |        |  round again, one use less
//                         v                    |  v--------+
//   key in ghosts ------ ghosts ---------------+  evicted
//
// Most keys are asked for once: they pass through small and take no room from the others. How much
// small gets decides how long a new key may wait for its second use; `adaptive` changes that share
// while it runs; `wtinylfu` is this policy with `duel`, where a sketch of frequencies decides who
// enters main.
// Source: J. Yang et al., "FIFO Queues Are All You Need for Cache Eviction", SOSP 2023.
#pragma once

#include "storage/eviction/ghost.h"
#include "storage/eviction/queue_policy.h"
#include "storage/eviction/sketch.h"

namespace larder {

struct S3Settings {
  double small_share = 0.1;  // of the cache
  bool duel = false;         // what leaves small must be asked for more often than what main loses
  unsigned uses_min = 2;     // in small, to enter main
  bool clock = false;        // no small queue: new keys enter main, and any uses give one round
  double size_weight = 0;    // uses that twice the mean size costs, and half of it is worth
};

class S3Fifo : public QueuePolicy {
 public:
  S3Fifo(const S3Settings& settings, Slab* slab) : QueuePolicy(slab), settings_(settings) {}

  void inserted(Resident& entry) override;
  void readmitted(Resident& entry) override { push(main_, kMain, entry); }
  // Told as Redis's counter: small from 5 on, main from 10 on, by uses.
  void recalled(Resident& entry, const EntryUse& use) override;
  EntryUse use_of(Stamp stamp, int64_t now_ms) const override;
  std::string learned(size_t piece) const override { return ghost_.piece(piece, kPieceBytes); }
  void learn(Bytes piece) override { ghost_.add_piece(piece); }
  bool next(Candidate& candidate) override;
  bool judge(Resident& entry, const Candidate& candidate) override;
  size_t memory_bytes() const override;
  size_t references() const override { return small_.size() + main_.size(); }

  // Takes effect with the evictions to come; no entry is moved.
  void set_settings(const S3Settings& settings) { settings_ = settings; }

 protected:
  // How many times sizes double between what came lately, in the mean.
  double size_spread() const { return spread_; }
  // The mean size of what came lately, where sizes are told at all; otherwise without bounds.
  double mean_bytes() const;

 private:
  static constexpr unsigned kSmall = 0;
  static constexpr unsigned kMain = 1;
  static constexpr int kMainFrequency = 10;

  void forget_queues() override {
    small_.clear();
    main_.clear();
  }
  void note_size(uint32_t bytes);
  int uses_for_size(const Resident& entry) const;
  bool judge_small(Resident& entry);
  bool judge_main(Resident& entry);
  bool wins_duel(const Resident& entry);

  S3Settings settings_;
  double log_bytes_ = 0;  // of what came lately, in the mean
  double spread_ = 0;     // how far off that sizes are, in the mean
  FifoQueue small_{slab_};
  FifoQueue main_{slab_};
  Ghost ghost_;
  Sketch sketch_;  // empty without duels
};

}  // namespace larder
