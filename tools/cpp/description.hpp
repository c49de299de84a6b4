// What a program must know of an exported generator: a reader of its generator.yaml.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "sha256.hpp"

namespace pointcalo {

// Told to the user in one line: what, got, expected.
struct Mistake : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Range = std::array<double, 2>;
using Words = std::vector<std::string>;

struct TrainedCondition {
  std::string name, unit;
  std::optional<Range> range;  // of the training
};

struct Description {
  std::string format;  // cpp or torchscript
  std::filesystem::path program;
  std::string geometry;
  std::vector<std::int64_t> pdg;
  std::optional<Range> energy_GeV, theta_deg;  // of the training, where they are known
  std::vector<TrainedCondition> conditions;
};

template <typename Number>
Number number(const std::string& what, const std::string& text) {
  std::istringstream stream(text);
  Number value{};
  if (!(stream >> value) || !stream.eof()) {
    const char* kind = std::is_integral_v<Number> ? "a whole number" : "a number";
    throw Mistake(what + ": got '" + text + "', expected " + kind);
  }
  return value;
}

inline std::string joined(const Words& words, const std::string& between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// This is no reader of YAML. It reads what yaml.safe_dump writes in block style: `key:` or
// `key: value` at the beginning of a line, and below it the lines that belong to the key, which
// begin with `-` or a space. Quotes are taken off, but escapes are not understood.
class GeneratorFile {
 public:
  explicit GeneratorFile(const std::filesystem::path& path) : path_(path.string()) {
    std::ifstream stream(path);
    Words* lines = nullptr;
    for (std::string line; std::getline(stream, line);) {
      const bool below = line.empty() || line[0] == ' ' || line[0] == '-';
      const auto colon = (line + " ").find(": ");
      if (below && lines) {
        lines->push_back(line);
      } else if (!below && colon != std::string::npos) {
        lines = &keys_[line.substr(0, colon)];
        *lines = {line.substr(std::min(colon + 2, line.size()))};
      } else {
        fail("got the line '" + line.substr(0, 60) + "', expected `key: value`");
      }
    }
  }

  [[noreturn]] void fail(const std::string& why) const { throw Mistake(path_ + ": " + why); }

  std::string value(const std::string& key) const { return unquoted(key, lines(key)[0]); }

  // What stands behind a mark at the beginning of the lines below a key.
  Words below(const std::string& key, const std::string& mark) const {
    Words found;
    for (const auto& line : lines(key)) {
      if (line.rfind(mark, 0) == 0) found.push_back(unquoted(key, line.substr(mark.size())));
    }
    if (found.empty()) fail(key + ": no line begins with '" + mark + "'");
    return found;
  }

  // Two items below a key that is itself below `particles`, at the end of a path of keys.
  std::optional<Range> range(const Words& path) const {
    const Words& all = lines("particles");
    auto line = all.begin();
    std::string indent;
    for (const auto& key : path) {
      indent += "  ";
      line = std::find(line, all.end(), indent + key + ":");
      if (line == all.end()) return std::nullopt;
      ++line;
    }
    Range found{};
    for (double& limit : found) {
      const std::string item = line == all.end() ? "" : *line++;
      const std::string name = joined(path, ".");
      if (item.rfind(indent + "- ", 0) != 0) fail(name + ": expected two numbers below it");
      limit = number<double>(path_ + ": " + name, item.substr(indent.size() + 2));
    }
    return found;
  }

  // Names and units of the conditions, with their ranges.
  std::vector<TrainedCondition> conditions() const {
    std::vector<TrainedCondition> found;
    if (value("conditions") == "{}") return found;
    for (const auto& line : below("conditions", "  ")) {
      const auto colon = line.find(": ");
      if (colon == line.npos) fail("conditions: got '" + line + "', expected `name: unit`");
      const std::string name = line.substr(0, colon);
      found.push_back({name, unquoted(name, line.substr(colon + 2)),
                       range({"conditions", name, "range"})});
    }
    return found;
  }

 private:
  const Words& lines(const std::string& key) const {
    const auto found = keys_.find(key);
    if (found == keys_.end()) fail("no " + key + " in it");
    return found->second;
  }

  std::string unquoted(const std::string& key, const std::string& text) const {
    const char first = text.empty() ? ' ' : text[0];
    if (first != '\'' && first != '"') return text;
    const std::string inner = text.substr(1, text.size() - 2);
    if (text.size() < 2 || text.back() != first || inner.find_first_of("'\"\\") != inner.npos) {
      fail(key + ": got " + text + ", expected text of one line without escapes");
    }
    return inner;
  }

  std::string path_;
  std::map<std::string, Words> keys_;
};

inline Description read_description(const std::filesystem::path& folder) {
  const auto path = folder / "generator.yaml";
  if (!std::filesystem::is_regular_file(path)) {
    throw Mistake(folder.string() + ": no generator.yaml in it; expected an exported generator");
  }
  const GeneratorFile file(path);
  const auto expect = [&](const std::string& what, const Words& got, const Words& expected) {
    if (got != expected) {
      file.fail(what + ": got " + joined(got, ", ") + ", expected " + joined(expected, ", "));
    }
  };
  expect("pointcalo_generator", {file.value("pointcalo_generator")}, {"1"});
  const std::string format = file.value("format");
  if (format != "cpp" && format != "torchscript") {
    file.fail("format: got " + format + ", expected cpp or torchscript");
  }
  expect("inputs", file.below("inputs", "- name: "),
         {"energy", "direction", "position", "pdg", "conditions", "seed", "first"});
  expect("outputs", file.below("outputs", "- name: "), {"ptr", "layer", "cell", "points"});
  const auto conditions = file.conditions();
  std::vector<std::int64_t> pdg;
  for (const auto& code : file.below("pdg", "- ")) {
    pdg.push_back(number<std::int64_t>(path.string() + ": pdg", code));
  }
  for (const auto& line : file.below("sha256", "  ")) {
    const auto colon = line.find(": ");
    const auto part = folder / line.substr(0, colon);
    if (!std::filesystem::is_regular_file(part)) {
      throw Mistake(part.string() + ": missing; expected it beside generator.yaml");
    }
    if (colon == line.npos || sha256(part.string()) != line.substr(colon + 2)) {
      throw Mistake(part.string() + ": damaged, or not the file that was exported; export again");
    }
  }
  return {format, folder / file.value("file"), file.below("geometry", "  name: ")[0], pdg,
          file.range({"energy_GeV"}), file.range({"theta_deg"}), conditions};
}

}  // namespace pointcalo
