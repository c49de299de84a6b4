// Profiles of showers: as pointcalo/networks/profile.py, `ProfileModel.sample`.
#pragma once

#include <cmath>
#include <vector>

#include "lattice.hpp"
#include "mixture.hpp"
#include "noise.hpp"

namespace pointcalo {

// Where the axis of a shower crosses a layer: distance to the nearest cell's centre in units of its
// size, 5 at most, and the logarithm of its area.
inline void axis_cell(const Lattices& lattices, int layer, Point axis, float& offset,
                      float& log_area) {
    const float area = lattices.sheet(layer).area;
    offset = smaller(lattices.distance_to_cell(layer, axis) / std::sqrt(area), 5.0f);
    log_area = lattices.sheet(layer).slot.empty() ? 0.0f : std::log(area / 100.0f);
}

// Fixed shift and scale.
struct Standardise {
    std::vector<float> mean, deviation;
    Standardise() = default;
    Standardise(const Tensors& t, const std::string& name)
        : mean(t.values(name + ".mean")), deviation(t.values(name + ".deviation")) {}
    void operator()(float* x) const {
        for (std::size_t i = 0; i < mean.size(); ++i) x[i] = (x[i] - mean[i]) / deviation[i];
    }
};

class ProfileModel {
  public:
    ProfileModel(const Tensors& t, const Lattices& lattices)
        : lattices_(lattices), num_layers_(lattices.num_layers),
          several_sizes_(t.number("several_sizes") != 0.0), z_(t.values("layer_z")),
          threshold_(t.values("layer_threshold")), embedding_(t.values("profile.layer_embedding")),
          history_(t, "profile.history"), summary_(t, "profile.summary"),
          axis_numbers_(t, "profile.axis_numbers"),
          input_(t.linear("profile.gru.weight_ih_l0", "profile.gru.bias_ih_l0")),
          state_(t.linear("profile.gru.weight_hh_l0", "profile.gru.bias_hh_l0")),
          count_(t.mlp("profile.count_head")), energy_(t.mlp("profile.energy_head")),
          limits_(t.values("profile.log_excess_limits")),
          axis_limits_(t.values("profile.axis_limits")), radius_(float(t.number("profile.radius"))) {
        for (int k = 0; k < 4; ++k)
            axis_.push_back(t.mlp("profile.axis_heads." + std::to_string(k)));
        embedded_ = int(embedding_.size()) / num_layers_;
        for (const float x : threshold_) mean_threshold_ += x / num_layers_;
    }

    struct Scratch {
        std::vector<float> state, input, gates, recurrent, known, network;
    };

    // Hits [L], energies [L] and own axis [4] of one shower.
    void sample(Noise noise, float energy, const float* condition, int num_conditions,
                const float* axis, std::int64_t* counts, float* energies, float* own,
                Scratch& s) const {
        const int width = state_.in();
        s.state.assign(padded(width), 0.0f);
        s.input.assign(input_.in(), 0.0f);
        s.gates.resize(input_.stride() + LANES);  // the last gate is read in whole vectors
        s.recurrent.resize(state_.stride() + LANES);
        s.known.resize(width + 8);
        float history[4] = {0, 0, 0, 0};
        float spent = 0.0f;
        for (int layer = 0; layer < num_layers_; ++layer) {
            float* x = s.input.data();
            x = std::copy(condition, condition + num_conditions, x);
            x = std::copy_n(&embedding_[layer * embedded_], embedded_, x);
            float offset, log_area;
            axis_cell(lattices_, layer, {axis[2 * layer], axis[2 * layer + 1]}, offset, log_area);
            *x++ = offset;
            if (several_sizes_) *x++ = log_area;
            std::copy(history, history + 4, x);
            step(s);
            const Mixture hits = mixture(count_, s.state.data(), s.network);
            float drawn = hits.sample(noise.uniform(layer, 0), noise.logistic(layer, 1));
            drawn = std::expm1(smaller(larger(drawn, -1.0f), 20.0f));
            std::int64_t count = std::max<std::int64_t>(std::int64_t(std::nearbyint(drawn)), 0);
            count = std::min(count, lattices_.num_cells(layer));
            float* known = std::copy_n(s.state.data(), width, s.known.data());
            known[0] = log1p(float(count)) - 1.5f;
            known[1] = count == 1 ? 1.0f : 0.0f;
            const Mixture excess = mixture(energy_, s.known.data(), s.network);
            float log_excess = excess.sample(noise.uniform(layer, 2), noise.logistic(layer, 3));
            log_excess = smaller(larger(log_excess, limits_[0]), limits_[1]);
            const float ratio = larger(std::exp(log_excess) - MIN_EXCESS, 0.0f);
            const float threshold = threshold_[layer];
            counts[layer] = count;
            energies[layer] = float(count) * threshold * (1.0f + ratio);
            spent += energies[layer];
            const float over = larger(energies[layer] - float(count) * threshold, 0.0f);
            const float least = float(std::max<std::int64_t>(count, 1)) * threshold;
            history[0] = log1p(float(count));
            history[1] = count > 0 ? std::log(over / least + MIN_EXCESS) : 0.0f;
            history[2] = std::log(spent + mean_threshold_) - std::log(energy);
            history[3] = log1p(energies[layer] / threshold);
            history_(history);
        }
        draw_axis(noise, energy, counts, energies, own, s);
    }

  private:
    static constexpr float MIN_EXCESS = 1e-4f;
    static constexpr int AXIS_STREAM = 20;

    static Mixture mixture(const Mlp& net, const float* x, std::vector<float>& scratch) {
        return Mixture(net({x, 0, 1}, 1, scratch), net.out() / 3);
    }
    void step(Scratch& s) const {
        const int width = state_.in();
        input_({s.input.data(), 0, 1}, 1, s.gates.data());
        state_({s.state.data(), 0, 1}, 1, s.recurrent.data());
        const float *in = s.gates.data(), *own = s.recurrent.data();
        for (int i = 0; i < width; i += LANES) {
            const auto gate = [&](const float* of, int n) { return load(of + n * width + i); };
            const Floats reset = sigmoid(gate(in, 0) + gate(own, 0));
            const Floats update = sigmoid(gate(in, 1) + gate(own, 1));
            const Floats fresh = tanh(gate(in, 2) + reset * gate(own, 2));
            store(&s.state[i], (1.0f - update) * fresh + update * load(&s.state[i]));
        }
    }
    void draw_axis(Noise noise, float energy, const std::int64_t* counts, const float* energies,
                   float* own, Scratch& s) const {
        float total = 0.0f, moment = 0.0f, hits = 0.0f, square = 0.0f;
        for (int l = 0; l < num_layers_; ++l) {
            total += energies[l];
            moment += energies[l] * z_[l];
            hits += float(counts[l]);
        }
        total = larger(total, 1e-6f);
        const float centre = moment / total;
        for (int l = 0; l < num_layers_; ++l)
            square += energies[l] * (z_[l] - centre) * (z_[l] - centre);
        float* known = std::copy_n(s.state.data(), state_.in(), s.known.data());
        known[0] = std::log(total / energy);
        known[1] = centre;
        known[2] = std::sqrt(square / total);
        known[3] = log1p(hits);
        summary_(known);
        for (int k = 0; k < 4; ++k) {
            const Mixture numbers = mixture(axis_[k], s.known.data(), s.network);
            const float drawn = numbers.sample(noise.uniform(k, AXIS_STREAM),
                                               noise.logistic(k, AXIS_STREAM + 1));
            known[4 + k] = smaller(larger(drawn, axis_limits_[k]), axis_limits_[4 + k]);
            const float number =
                known[4 + k] * axis_numbers_.deviation[k] + axis_numbers_.mean[k];
            own[k] = std::sinh(number) * radius_ * (k < 2 ? 1.0f : 0.01f);
        }
    }

    const Lattices& lattices_;
    int num_layers_, embedded_ = 0;
    bool several_sizes_;
    std::vector<float> z_, threshold_, embedding_;
    Standardise history_, summary_, axis_numbers_;
    Linear input_, state_;
    Mlp count_, energy_;
    std::vector<Mlp> axis_;
    std::vector<float> limits_, axis_limits_;
    float radius_, mean_threshold_ = 0.0f;
};

}  // namespace pointcalo
