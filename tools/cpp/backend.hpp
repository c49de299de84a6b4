// Programs of exported generators, each with its runtime.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace pointcalo {

// Showers first to first + size of a seed, all of one kind of particle.
struct Request {
  double energy_GeV;
  std::array<double, 3> direction;  // a unit vector
  std::array<double, 2> position;   // mm, at z = 0
  std::int64_t pdg, seed, first, size;
  std::vector<double> conditions;  // in the order of generator.yaml
};

// Hits of shower s are ptr[s] to ptr[s + 1]; points are rows of x, y in mm, energy in MeV, time
// in ns.
struct Showers {
  std::vector<std::int64_t> ptr, layer, cell;
  std::vector<float> points;
};

// Throws Mistake. Threads may generate at the same time.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Showers generated(const Request& request) const = 0;
};

// Of format=cpp.
std::unique_ptr<Backend> open_cpp(const std::filesystem::path& program);
// Of format=torchscript; null where this program was built without LibTorch.
std::unique_ptr<Backend> open_torchscript(const std::filesystem::path& program);

}  // namespace pointcalo
