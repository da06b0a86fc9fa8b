#include "client/bench/mix.h"

#include <optional>

#include "base/numbers.h"
#include "base/quoting.h"

namespace larder::bench {
namespace {

using Text = std::string;

// Pieces between commas that stand in no quotes.
std::vector<Bytes> split_at_commas(Bytes text) {
  std::vector<Bytes> pieces;
  char quote = 0;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char each = text[i];
    if (quote != 0) {
      if (each == '\\') ++i;
      if (each == quote) quote = 0;
    } else if (each == '"' || each == '\'') {
      quote = each;
    } else if (each == ',') {
      pieces.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  pieces.push_back(text.substr(start));
  return pieces;
}

// Cuts ":7" off the end; nothing when the weight is no good.
std::optional<unsigned> take_weight(Bytes& piece) {
  while (!piece.empty() && piece.back() == ' ') piece.remove_suffix(1);
  const size_t digits = piece.size() - (piece.find_last_not_of("0123456789") + 1);
  if (digits == 0 || digits == piece.size()) return 1;
  const size_t colon = piece.size() - digits - 1;
  if (piece[colon] != ':') return 1;
  const auto weight = parse_uint64(piece.substr(colon + 1));
  piece = piece.substr(0, colon);
  if (!weight || *weight == 0 || *weight > kWeightsMax) return {};
  return static_cast<unsigned>(*weight);
}

Result<WeightedCommand, Text> parse_command(Bytes piece) {
  const Text whole(piece);
  const auto weight = take_weight(piece);
  if (!weight) {
    return "the weight of '" + whole + "' is not from 1 to " + std::to_string(kWeightsMax);
  }
  auto words = split_line(piece);
  if (!words) return "the quotes of '" + whole + "' do not match up";
  if (words->empty()) return "a command is empty in '" + whole + "'";
  return WeightedCommand{std::move(*words), *weight};
}

}  // namespace

std::string WeightedCommand::name() const {
  Text name;
  for (const Text& word : words) name += (name.empty() ? "" : " ") + word;
  return name;
}

Result<Mix, std::string> parse_ratio(Bytes text, bool ttl) {
  const size_t colon = text.find(':');
  const auto sets = parse_uint64(text.substr(0, colon));
  const auto gets =
      colon == Bytes::npos ? std::optional<uint64_t>() : parse_uint64(text.substr(colon + 1));
  if (!sets || !gets || *sets > kWeightsMax || *gets > kWeightsMax || *sets + *gets == 0 ||
      *sets + *gets > kWeightsMax) {
    return "'" + Text(text) + "' is no ratio of SET to GET: write 1:10";
  }
  WeightedCommand set{{"SET", "__key__", "__data__"}, static_cast<unsigned>(*sets)};
  if (ttl) set.words.insert(set.words.end(), {"PX", "__pttl__"});
  Mix mix;
  if (*sets > 0) mix.push_back(std::move(set));
  if (*gets > 0) mix.push_back({{"GET", "__key__"}, static_cast<unsigned>(*gets)});
  return mix;
}

Result<Mix, std::string> parse_commands(Bytes text) {
  Mix mix;
  unsigned sum = 0;
  for (const Bytes piece : split_at_commas(text)) {
    auto command = parse_command(piece);
    if (!command) return command.error();
    sum += command->weight;
    mix.push_back(std::move(*command));
  }
  if (sum > kWeightsMax) return "the weights sum up to more than " + std::to_string(kWeightsMax);
  return mix;
}

}  // namespace larder::bench
