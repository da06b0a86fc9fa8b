// Runs a fuzz target without libFuzzer: all seeds of its corpus, then changed ones, drawn by a
// seed that is printed. What the CI runs, with any compiler.
//
//   replay_x CORPUS [--seed N] [--inputs N] [--only I] [--damage]
//
// --damage: before that, each seed with each of its bits flipped, and cut behind each of its bytes.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/fuzz/input.h"

namespace {

uint64_t seed = 0;
char where[96];  // the input that runs, as it can be repeated

// A failed check ends here.
void on_abort(int) {
  std::fprintf(stderr, "failed at %s\n", where);
  std::signal(SIGABRT, SIG_DFL);
}

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::vector<std::string> load_corpus(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus{""};
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

void run_damaged(const std::vector<std::string>& corpus) {
  for (size_t number = 0; number < corpus.size(); ++number) {
    std::string input = corpus[number];
    for (size_t at = 0; at < input.size(); ++at) {
      std::snprintf(where, sizeof where, "--damage, seed %zu of the corpus, byte %zu", number, at);
      for (unsigned bit = 0; bit < 8; ++bit) {
        input[at] = static_cast<char>(input[at] ^ 1 << bit);
        run(input);
        input[at] = static_cast<char>(input[at] ^ 1 << bit);
      }
      run(input.substr(0, at));
    }
  }
}

// A piece of one seed put into another, bytes changed, inserted and dropped.
std::string changed(const std::vector<std::string>& corpus, larder::Random& random) {
  constexpr size_t kBytesMax = 4096;
  std::string input = corpus[random.below(corpus.size())];
  for (uint64_t changes = 1 + random.below(8); changes > 0; --changes) {
    const size_t at = random.below(input.size() + 1);
    const std::string& other = corpus[random.below(corpus.size())];
    switch (random.below(4)) {
      case 0: input.insert(at, 1, static_cast<char>(random.next())); break;
      case 1: input.erase(at, random.below(8)); break;
      case 2: input.insert(at, other.substr(random.below(other.size() + 1), random.below(64)));
        break;
      default:
        if (at < input.size()) input[at] = static_cast<char>(random.next());
    }
  }
  input.resize(std::min(input.size(), kBytesMax));
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  uint64_t inputs = 20'000;
  int64_t only = -1;
  bool damage = false;
  seed = larder::random_seed() >> 32;
  CLI::App app("Replays a fuzz target");
  app.add_option("corpus", folder)->required();
  app.add_option("--seed", seed);
  app.add_option("--inputs", inputs);
  app.add_option("--only", only, "only this input");
  app.add_flag("--damage", damage, "flip each bit, cut behind each byte");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGABRT, on_abort);
  const std::vector<std::string> corpus = load_corpus(folder);
  for (const std::string& input : corpus) run(input);
  if (damage) run_damaged(corpus);
  for (uint64_t current = 0; current < inputs; ++current) {
    std::snprintf(where, sizeof where, "--seed %llu --only %llu",
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(current));
    larder::Random random(seed + current * 0x9e3779b97f4a7c15);
    const std::string input = changed(corpus, random);
    if (only < 0 || current == static_cast<uint64_t>(only)) run(input);
  }
  std::printf("%zu seeds, %llu inputs of --seed %llu\n", corpus.size(),
              static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(seed));
}
