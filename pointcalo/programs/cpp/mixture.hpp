// Mixtures of logistics: as pointcalo/nn/mixture.py. Parameters: logits, means, log scales.
#pragma once

#include <array>
#include <limits>

#include "dense.hpp"

namespace pointcalo {

constexpr int MOST_COMPONENTS = 32;
constexpr float UNCUT = -std::numeric_limits<float>::infinity();

struct Mixture {
    int size;
    float low;  // no value lies below
    using Numbers = std::array<float, MOST_COMPONENTS>;
    alignas(64) Numbers weight, log_weight, mean, log_scale, scale;
    alignas(64) Numbers log_above;  // logarithm of the share of each logistic that lies above low

    Mixture(const float* parameters, int components, float low = UNCUT)
        : size(components), low(low) {
        float most = parameters[0], total = 0.0f;
        for (int k = 1; k < size; ++k) most = larger(most, parameters[k]);
        for (int k = 0; k < padded(size); ++k) {  // what lies beyond is harmless
            const bool known = k < size;
            weight[k] = known ? parameters[k] - most : -80.0f;
            mean[k] = known ? parameters[size + k] : 0.0f;
            log_scale[k] = known ? smaller(larger(parameters[2 * size + k], -5.0f), 4.0f) : 0.0f;
        }
        for (int k = 0; k < size; k += LANES) {
            store(&scale[k], exp(load(&log_scale[k])));
            store(&log_weight[k], load(&weight[k]));
            store(&weight[k], exp(load(&weight[k])));
            const Floats above = (load(&mean[k]) - low) / load(&scale[k]);
            store(&log_above[k], low > UNCUT ? log_sigmoid(above) : Floats{});
        }
        for (int k = 0; k < size; ++k) total += weight[k];
        const float log_total = std::log(total);
        for (int k = 0; k < size; ++k) weight[k] /= total, log_weight[k] -= log_total;
    }

    int component(float choice) const {
        float cumulative = 0.0f;
        int k = 0;
        for (; k + 1 < size; ++k) {
            cumulative += weight[k];
            if (choice <= cumulative) break;
        }
        return k;
    }

    float sample(float choice, float noise) const {
        const int k = component(choice);
        return mean[k] + scale[k] * noise;
    }

    // Samples from uniform and logistic numbers.
    Floats sample(Floats choice, Floats noise) const {
        Floats middle{}, width{}, cut{};
        float cumulative = 0.0f;
        for (int k = 0; k < size; ++k) {
            const Ints here = k == 0 ? Ints{} == Ints{} : choice > all(cumulative);
            cumulative += weight[k];
            middle = here ? all(mean[k]) : middle;
            width = here ? all(scale[k]) : width;
            cut = here ? all(log_above[k]) : cut;
        }
        // the share above the sample, times the share above the cut, in logarithms
        const Floats above = log_sigmoid(-noise) + cut;
        noise = log(-expm1(smaller(above, all(-1e-7f)))) - above;
        return larger(middle + width * noise, all(low));
    }

    // Three quantiles of each logistic above `low`, with their weights; returns how many there are,
    // some without weight.
    int points(float* point, float* share) const {
        int made = 0;
        for (int k = 0; k < size; k += LANES) {
            const Floats middle = load(&mean[k]), width = load(&scale[k]);
            const Floats cut = sigmoid((low - middle) / width);
            for (const float part : {1.0f / 6.0f, 0.5f, 5.0f / 6.0f}) {
                const Floats p = smaller(cut + (1.0f - cut) * part, all(1.0f - 1e-6f));
                store(point + made, larger(middle + width * log(p / (1.0f - p)), all(low)));
                store(share + made, load(&weight[k]) / 3.0f);
                made += LANES;
            }
        }
        return made;
    }

    // Log densities of values.
    Floats log_prob(Floats value) const {
        Floats most = all(-1e30f), component[MOST_COMPONENTS];
        for (int k = 0; k < size; ++k) {
            const Floats x = (value - mean[k]) / scale[k];
            const float constant = log_weight[k] - log_scale[k] - log_above[k];
            component[k] = constant - x - 2.0f * softplus(-x);
            most = larger(most, component[k]);
        }
        Floats total{};
        for (int k = 0; k < size; ++k) total += exp(component[k] - most);
        return most + log(total);
    }
};

}  // namespace pointcalo
