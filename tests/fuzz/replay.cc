// Runs a fuzz target without libFuzzer: all seeds of its corpus, then changed ones, drawn by a
// seed that is printed. What the CI runs, with any compiler.
//
//   replay_x CORPUS [--seed N] [--inputs N] [--only I]
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
uint64_t current = 0;

// A failed check ends here; says how to repeat it.
void on_abort(int) {
  std::fprintf(stderr, "failed at --seed %llu --only %llu\n",
               static_cast<unsigned long long>(seed), static_cast<unsigned long long>(current));
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
  seed = larder::random_seed() >> 32;
  CLI::App app("Replays a fuzz target");
  app.add_option("corpus", folder)->required();
  app.add_option("--seed", seed);
  app.add_option("--inputs", inputs);
  app.add_option("--only", only, "only this input");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGABRT, on_abort);
  const std::vector<std::string> corpus = load_corpus(folder);
  for (const std::string& input : corpus) run(input);
  for (current = 0; current < inputs; ++current) {
    larder::Random random(seed + current * 0x9e3779b97f4a7c15);
    const std::string input = changed(corpus, random);
    if (only < 0 || current == static_cast<uint64_t>(only)) run(input);
  }
  std::printf("%zu seeds, %llu inputs of --seed %llu\n", corpus.size(),
              static_cast<unsigned long long>(inputs), static_cast<unsigned long long>(seed));
}
