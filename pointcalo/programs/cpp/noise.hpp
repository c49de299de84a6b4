// Random numbers addressed by (key of the shower, counter, stream): as pointcalo/showers/noise.py.
#pragma once

#include <cmath>
#include <cstdint>

#include "normal.hpp"

namespace pointcalo {

class Noise {
  public:
    explicit Noise(std::int64_t key) : key_(static_cast<std::uint64_t>(key)) {}

    // Of shower `number` in the run with this seed.
    static Noise of_shower(std::int64_t seed, std::int64_t number) {
        const auto start = mix(mix(static_cast<std::uint64_t>(seed) * GOLDEN + 1));
        const auto key = mix(start + static_cast<std::uint64_t>(number) * GOLDEN);
        return Noise(static_cast<std::int64_t>(key));
    }

    float uniform(std::int64_t counter, int stream) const {
        const auto place = static_cast<std::uint64_t>(counter * STREAMS + stream + 1);
        return (static_cast<float>(mix(key_ + place * GOLDEN) >> 41) + 0.5f) * 0x1p-23f;
    }
    float logistic(std::int64_t counter, int stream) const {
        const float u = uniform(counter, stream);
        return std::log(u / (1.0f - u));
    }
    float normal(std::int64_t counter, int stream) const {
        return static_cast<float>(normal_quantile(uniform(counter, stream)));
    }

  private:
    static constexpr std::int64_t STREAMS = 64;
    static constexpr std::uint64_t GOLDEN = 0x9E3779B97F4A7C15u;
    static std::uint64_t mix(std::uint64_t x) {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
        return x ^ (x >> 31);
    }
    std::uint64_t key_;
};

}  // namespace pointcalo
