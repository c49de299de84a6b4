// Energies of hits in the coordinate of the training hits' spectrum: as networks/spectrum.py.
#pragma once

#include <algorithm>

#include "mixture.hpp"
#include "tensors.hpp"

namespace pointcalo {

class Spectrum {
  public:
    explicit Spectrum(const Tensors& t) : knots_(t.values("generator.spectrum.knots")) {}

    static constexpr float LOW = -4.605170185988091f;  // log(0.01)
    static constexpr float EPSILON = 0.3f;

    Floats sample(const Mixture& mixture, Floats choice, Floats noise) const {
        return energy(mixture.sample(choice, noise));
    }
    // About the mean and the variance of a hit's energy.
    void moments(const Mixture& mixture, float& mean, float& variance) const {
        alignas(64) float point[3 * MOST_COMPONENTS], share[3 * MOST_COMPONENTS];
        const int size = mixture.points(point, share);
        Floats first{}, second{};
        for (int i = 0; i < size; i += LANES) {
            const Floats e = energy(load(point + i));
            store(point + i, e);
            first += load(share + i) * e;
        }
        mean = total(first);
        for (int i = 0; i < size; i += LANES) {
            const Floats away = load(point + i) - mean;
            second += load(share + i) * away * away;
        }
        variance = total(second);
    }
    // Log densities in the coordinate at energies, and the logarithm of its slope in the value.
    Floats log_prob(const Mixture& mixture, Floats energy, Floats& log_slope) const {
        const Floats value = log(energy + EPSILON);
        Floats y{}, slope{};
        for (int i = 0; i < LANES; ++i) {
            const int knot = this->knot(value[i]);
            const float low = knots_[knot], high = knots_[knot + 1];
            y[i] = larger(float(knot) + (value[i] - low) / (high - low), 0.0f) * STEP + LOW;
            slope[i] = STEP / (high - low);
        }
        log_slope = log(slope);
        return mixture.log_prob(y);
    }

  private:
    static constexpr float STEP = 1.0f / 256.0f, MOST = 12.0f;

    static float total(Floats x) {
        float sum = 0.0f;
        for (int i = 0; i < LANES; ++i) sum += x[i];
        return sum;
    }
    int knot(float value) const {
        const auto above = std::upper_bound(knots_.begin(), knots_.end(), value);
        const int last = int(knots_.size()) - 2;
        return std::clamp(int(above - knots_.begin()) - 1, 0, last);
    }
    Floats energy(Floats y) const {
        const Floats place = (y - LOW) * 256.0f;
        const float last = float(knots_.size()) - 2.0f;
        Floats value{};
        for (int i = 0; i < LANES; ++i) {
            const float knot = smaller(larger(std::floor(place[i]), 0.0f), last);
            const float low = knots_[int(knot)], high = knots_[int(knot) + 1];
            value[i] = low + (place[i] - knot) * (high - low);
        }
        return larger(exp(smaller(value, all(MOST))) - EPSILON, Floats{});
    }
    std::vector<float> knots_;
};

}  // namespace pointcalo
