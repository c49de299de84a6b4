// Mixtures of logistics: as pointcalo/nn/mixture.py. Parameters: logits, means, log scales.
#pragma once

#include <array>
#include <limits>

#include "vector_math.hpp"

namespace pointcalo {

constexpr int MOST_COMPONENTS = 32;
constexpr float UNCUT = -std::numeric_limits<float>::infinity();

struct Mixture {
    int size;
    std::array<float, MOST_COMPONENTS> weight, log_weight, mean, log_scale, scale;

    Mixture(const float* parameters, int components) : size(components) {
        float most = parameters[0], total = 0.0f;
        for (int k = 1; k < size; ++k) most = larger(most, parameters[k]);
        for (int k = 0; k < size; ++k) {
            weight[k] = std::exp(parameters[k] - most);
            total += weight[k];
        }
        for (int k = 0; k < size; ++k) {
            weight[k] /= total;
            log_weight[k] = parameters[k] - most - std::log(total);
            mean[k] = parameters[size + k];
            log_scale[k] = smaller(larger(parameters[2 * size + k], -5.0f), 4.0f);
            scale[k] = std::exp(log_scale[k]);
        }
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

    // Samples that do not lie below `low`, from uniform and logistic numbers.
    Floats sample(Floats choice, Floats noise, float low) const {
        Floats middle{}, width{}, cut{};
        float cumulative = 0.0f;
        for (int k = 0; k < size; ++k) {
            const Ints here = k == 0 ? Ints{} == Ints{} : choice > all(cumulative);
            cumulative += weight[k];
            middle = here ? all(mean[k]) : middle;
            width = here ? all(scale[k]) : width;
            cut = here ? all(log_sigmoid((mean[k] - low) / scale[k])) : cut;
        }
        // the share above the sample, times the share above the cut, in logarithms
        const Floats above = log_sigmoid(-noise) + cut;
        noise = log(-expm1(smaller(above, all(-1e-7f)))) - above;
        return larger(middle + width * noise, all(low));
    }

    // Three quantiles of each logistic above `low`, with their weights; `points` is padded.
    void points(float low, float* point, float* share) const {
        constexpr float SHARES[3] = {1.0f / 6.0f, 0.5f, 5.0f / 6.0f};
        for (int k = 0; k < size; ++k) {
            const float cut = sigmoid((low - mean[k]) / scale[k]);
            for (int q = 0; q < 3; ++q) {
                const float p = smaller(cut + (1.0f - cut) * SHARES[q], 1.0f - 1e-6f);
                point[3 * k + q] = larger(mean[k] + scale[k] * std::log(p / (1.0f - p)), low);
                share[3 * k + q] = weight[k] / 3.0f;
            }
        }
        for (int i = 3 * size; i % LANES; ++i) point[i] = low, share[i] = 0.0f;
    }

    // Log densities of values, sixteen at a time; none lies below `low`.
    Floats log_prob(Floats value, float low) const {
        Floats most = all(-1e30f), component[MOST_COMPONENTS];
        for (int k = 0; k < size; ++k) {
            const Floats x = (value - mean[k]) / scale[k];
            float constant = log_weight[k] - log_scale[k];
            if (low > UNCUT) constant -= log_sigmoid((mean[k] - low) / scale[k]);
            component[k] = constant - x - 2.0f * softplus(-x);
            most = larger(most, component[k]);
        }
        Floats total{};
        for (int k = 0; k < size; ++k) total += exp(component[k] - most);
        return most + log(total);
    }
};

}  // namespace pointcalo
