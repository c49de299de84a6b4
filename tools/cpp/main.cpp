// Showers of an exported generator, written as hits on cells: see docs/export.md.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <future>
#include <iostream>
#include <map>

#include "backend.hpp"
#include "description.hpp"

namespace fs = std::filesystem;
using pointcalo::Mistake;
using pointcalo::number;
using pointcalo::Showers;

namespace {

const char* const usage =
    "generate_showers FOLDER --showers N --energy_GeV E [--direction X Y Z] [--position X Y]\n"
    "    [--condition NAME=NUMBER ...] [--pdg 22] [--seed 1] [--batch 100] [--threads 1]\n"
    "    [--output hits.csv]\n\n"
    "Showers of the generator in FOLDER (pointcalo export), all of one kind of particle that\n"
    "crosses the face z = 0 at the position (mm), with a --condition for each of the generator's.\n"
    "Shower n of a seed does not depend on batch and threads. Hits stay in memory until they are\n"
    "written, about 32 bytes each.\n";

struct Options {
  fs::path folder, output = "hits.csv";
  std::int64_t showers = 0, pdg = 22, seed = 1, batch = 100, threads = 1;
  double energy_GeV = 0.0;
  std::vector<double> direction = {0.0, 0.0, 1.0}, position = {0.0, 0.0};
  std::map<std::string, double> conditions;
};

void named_number(const std::string& option, const std::string& word,
                  std::map<std::string, double>& to) {
  const auto equals = word.find('=');
  if (equals == word.npos) throw Mistake(option + ": got '" + word + "', expected NAME=NUMBER");
  const std::string name = word.substr(0, equals);
  if (!to.emplace(name, number<double>(name, word.substr(equals + 1))).second) {
    throw Mistake(option + ": got " + name + " twice");
  }
}

Options parsed(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size();) {
    const std::string option = words[i++];
    const auto word = [&] {
      if (i == words.size()) throw Mistake(option + ": got nothing, expected a value");
      return words[i++];
    };
    const auto whole = [&](std::int64_t& value) { value = number<std::int64_t>(option, word()); };
    const auto positive = [&](std::int64_t& value) {
      whole(value);
      if (value < 1) {
        throw Mistake(option + ": got " + std::to_string(value) + ", expected 1 or more");
      }
    };
    const auto numbers = [&](std::vector<double>& values) {
      for (double& value : values) value = number<double>(option, word());
    };
    if (option == "--showers") positive(options.showers);
    else if (option == "--energy_GeV") options.energy_GeV = number<double>(option, word());
    else if (option == "--direction") numbers(options.direction);
    else if (option == "--position") numbers(options.position);
    else if (option == "--condition") named_number(option, word(), options.conditions);
    else if (option == "--pdg") whole(options.pdg);
    else if (option == "--seed") whole(options.seed);
    else if (option == "--batch") positive(options.batch);
    else if (option == "--threads") positive(options.threads);
    else if (option == "--output") options.output = word();
    else if (option[0] == '-') throw Mistake(option + ": unknown option; --help lists them");
    else if (!options.folder.empty()) throw Mistake(option + ": expected one FOLDER, got two");
    else options.folder = option;
  }
  if (options.folder.empty()) throw Mistake("FOLDER: missing, expected an exported generator");
  if (options.showers == 0) throw Mistake("--showers: missing, expected a number of showers");
  if (!(options.energy_GeV > 0)) throw Mistake("--energy_GeV: expected a positive number");
  options.batch = std::min(options.batch, options.showers);
  const auto& d = options.direction;
  const double length = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
  if (!(std::abs(d[2]) > 0)) throw Mistake("--direction: expected one that crosses the layers");
  for (double& component : options.direction) component /= length;
  return options;
}

// As pointcalo.load warns; energies are compared by their logarithms.
void warn_outside(const std::string& what, double value,
                  const std::optional<pointcalo::Range>& range, const std::string& unit,
                  double (*scale)(double) = [](double same) { return same; }) {
  if (!range) return;
  const double low = scale((*range)[0]), high = scale((*range)[1]), at = scale(value);
  const double slack = 0.02 * (high - low) + 1e-3 * std::max(std::abs(low), std::abs(high));
  if (at < low - slack || at > high + slack) {
    std::cerr << "generate_showers: warning: particles outside the training: " << what << " of "
              << (*range)[0] << " to " << (*range)[1] << (unit.empty() ? "" : " ") << unit
              << ", got " << value << "\n";
  }
}

void check_particle(const Options& options, const pointcalo::Description& known) {
  if (std::find(known.pdg.begin(), known.pdg.end(), options.pdg) == known.pdg.end()) {
    std::vector<std::string> names;
    for (auto code : known.pdg) names.push_back(std::to_string(code));
    throw Mistake("--pdg: got " + std::to_string(options.pdg) + ", expected " +
                  pointcalo::joined(names, " or "));
  }
  const double angle = std::acos(std::clamp(options.direction[2], -1.0, 1.0)) * 180.0 / M_PI;
  warn_outside("energy", options.energy_GeV, known.energy_GeV, "GeV",
               [](double energy) { return std::log(energy); });
  warn_outside("angle to the normal", angle, known.theta_deg, "degrees");
}

// The conditions in the order of the generator's.
std::vector<double> checked_conditions(const Options& options,
                                       const pointcalo::Description& known) {
  pointcalo::Words got, expected;
  for (const auto& [name, value] : options.conditions) got.push_back(name);
  for (const auto& condition : known.conditions) expected.push_back(condition.name);
  const auto or_none = [](const pointcalo::Words& names) {
    return names.empty() ? std::string("none") : pointcalo::joined(names, ", ");
  };
  if (!std::is_permutation(got.begin(), got.end(), expected.begin(), expected.end())) {
    throw Mistake("--condition: got " + or_none(got) + ", expected " + or_none(expected));
  }
  std::vector<double> values;
  for (const auto& [name, unit, range] : known.conditions) {
    values.push_back(options.conditions.at(name));
    warn_outside(name, values.back(), range, unit);
  }
  return values;
}

void check_output(const fs::path& path) {
  if (fs::exists(path) && !fs::is_regular_file(path)) {
    throw Mistake(path.string() + ": is a folder, device or pipe, expected the name of a file");
  }
  if (path.has_parent_path() && !fs::is_directory(path.parent_path())) {
    throw Mistake(path.string() + ": no folder " + path.parent_path().string() +
                  ", make it first");
  }
}

std::unique_ptr<pointcalo::Backend> opened(const pointcalo::Description& description) {
  if (description.format == "cpp") return pointcalo::open_cpp(description.program);
  auto backend = pointcalo::open_torchscript(description.program);
  if (!backend) {
    throw Mistake(description.program.string() +
                  ": format torchscript, and this program was built without LibTorch; expected "
                  "format cpp");
  }
  return backend;
}

pointcalo::Request request(const Options& options, const std::vector<double>& conditions,
                           std::int64_t first) {
  const auto &d = options.direction, &p = options.position;
  const auto size = std::min(options.batch, options.showers - first);
  return {options.energy_GeV, {d[0], d[1], d[2]}, {p[0], p[1]}, options.pdg, options.seed,
          first, size, conditions};
}

std::vector<Showers> all_generated(const pointcalo::Backend& backend, const Options& options,
                                   const std::vector<double>& conditions) {
  std::vector<Showers> batches((options.showers + options.batch - 1) / options.batch);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t b; (b = next++) < batches.size();) {
      const auto first = static_cast<std::int64_t>(b) * options.batch;
      batches[b] = backend.generated(request(options, conditions, first));
    }
  };
  std::vector<std::future<void>> threads;
  for (std::int64_t t = 0; t < options.threads; ++t) {
    threads.push_back(std::async(std::launch::async, work));
  }
  for (auto& thread : threads) thread.get();
  return batches;
}

// Written beside the file and renamed: it appears complete or not at all. Returns the hits.
std::int64_t write(const std::vector<Showers>& batches, const fs::path& path) {
  const fs::path beside = path.parent_path() / ("." + path.filename().string() + ".part");
  std::ofstream file(beside);
  file << "shower,layer,cell,x_mm,y_mm,energy_MeV,time_ns\n";
  std::int64_t shower = 0, hits = 0;
  char line[200];
  for (const auto& batch : batches) {
    for (std::size_t s = 0; s + 1 < batch.ptr.size(); ++s, ++shower) {
      for (std::int64_t p = batch.ptr[s]; p < batch.ptr[s + 1]; ++p, ++hits) {
        const float* point = &batch.points[4 * p];
        std::snprintf(line, sizeof line,
                      "%" PRId64 ",%" PRId64 ",%" PRId64 ",%.9g,%.9g,%.9g,%.9g\n", shower,
                      batch.layer[p], batch.cell[p], point[0], point[1], point[2], point[3]);
        file << line;
      }
    }
  }
  file.close();
  if (!file) {
    std::error_code ignored;
    fs::remove(beside, ignored);
    throw Mistake(path.string() + ": could not be written");
  }
  fs::rename(beside, path);
  return hits;
}

void run(const Options& options) {
  const auto description = pointcalo::read_description(options.folder);
  check_particle(options, description);
  const auto conditions = checked_conditions(options, description);
  check_output(options.output);
  const auto backend = opened(description);
  backend->generated(request(options, conditions, 0));  // it prepares itself
  const auto start = std::chrono::steady_clock::now();
  const auto batches = all_generated(*backend, options, conditions);
  const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
  const std::int64_t hits = write(batches, options.output);
  std::printf("%" PRId64 " showers in %s, %" PRId64 " hits, threads: %" PRId64
              ", %.3g ms per shower (wall time, without loading, a first batch and writing)\n",
              options.showers, description.geometry.c_str(), hits, options.threads,
              wall.count() / static_cast<double>(options.showers));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help") {
    std::cout << usage;
    return words.empty() ? 2 : 0;
  }
  try {
    run(parsed(words));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "generate_showers: " << error.what() << "\n";
    return 2;
  }
}
