// Generators of format=cpp, which need no library.
#include "backend.hpp"
#include "description.hpp"
#include "generator.hpp"

namespace pointcalo {

namespace {

class Cpp : public Backend {
 public:
  explicit Cpp(const std::filesystem::path& program) : generator_(program.string()) {}

  Showers generated(const Request& request) const override {
    thread_local std::unique_ptr<Generator::Scratch> scratch;
    if (!scratch) scratch = std::make_unique<Generator::Scratch>(generator_);
    const auto& d = request.direction;
    const Particle particle{static_cast<float>(1e3 * request.energy_GeV),
                            {float(d[0]), float(d[1]), float(d[2])},
                            {float(request.position[0]), float(request.position[1]), 0.0f},
                            request.pdg,
                            {request.conditions.begin(), request.conditions.end()}};
    Showers showers{{0}, {}, {}, {}};
    std::vector<Hit> hits;
    for (std::int64_t n = request.first; n < request.first + request.size; ++n) {
      if (!generator_(particle, request.seed, n, hits, *scratch)) {
        throw Mistake("shower " + std::to_string(n) +
                      ": a layer has more than 2000 hits, or more than it has cells");
      }
      for (const Hit& hit : hits) {
        showers.layer.push_back(hit.layer);
        showers.cell.push_back(hit.cell);
        showers.points.insert(showers.points.end(), {hit.x, hit.y, hit.energy, hit.time});
      }
      showers.ptr.push_back(static_cast<std::int64_t>(showers.layer.size()));
    }
    return showers;
  }

 private:
  Generator generator_;
};

}  // namespace

std::unique_ptr<Backend> open_cpp(const std::filesystem::path& program) {
  return std::make_unique<Cpp>(program);
}

}  // namespace pointcalo
