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

    // A particle, and where its hits [L], energies [L] and own axis [4] go.
    struct Wanted {
        Noise noise;
        float energy;
        const float *condition, *axis;
        std::int64_t* counts;
        float *energies, *own;
    };
    struct Scratch {
        std::vector<float> state, input, gates, recurrent, known, network, spent;
    };

    // Profiles of n particles, best some at a time: they go through the networks together.
    void sample(const Wanted* wanted, int n, int num_conditions, Scratch& s) const {
        const int width = state_.in(), in = input_.in(), room = padded(width), known = width + 8;
        s.state.assign(std::size_t(n) * room, 0.0f);
        s.input.assign(std::size_t(n) * in, 0.0f);
        s.known.resize(std::size_t(n) * known);
        s.spent.assign(n, 0.0f);
        for (int layer = 0; layer < num_layers_; ++layer) {
            for (int r = 0; r < n; ++r) {
                const Wanted& w = wanted[r];
                float* x = &s.input[std::size_t(r) * in];
                x = std::copy(w.condition, w.condition + num_conditions, x);
                x = std::copy_n(&embedding_[layer * embedded_], embedded_, x);
                float offset, log_area;
                axis_cell(lattices_, layer, {w.axis[2 * layer], w.axis[2 * layer + 1]}, offset,
                          log_area);
                *x++ = offset;
                if (several_sizes_) *x++ = log_area;
            }
            step(n, s);
            const float* out = count_({s.state.data(), room, 1}, n, s.network);
            for (int r = 0; r < n; ++r) {
                const Mixture hits(out + std::ptrdiff_t(r) * count_.stride(), count_.out() / 3);
                const Noise& noise = wanted[r].noise;
                float drawn = hits.sample(noise.uniform(layer, 0), noise.logistic(layer, 1));
                drawn = std::expm1(smaller(larger(drawn, -1.0f), 20.0f));
                std::int64_t count = std::max<std::int64_t>(std::int64_t(std::nearbyint(drawn)), 0);
                count = std::min(count, lattices_.num_cells(layer));
                wanted[r].counts[layer] = count;
                float* x = copy_state(r, s);
                x[0] = log1p(float(count)) - 1.5f;
                x[1] = count == 1 ? 1.0f : 0.0f;
            }
            out = energy_({s.known.data(), known, 1}, n, s.network);
            for (int r = 0; r < n; ++r) {
                const Mixture excess(out + std::ptrdiff_t(r) * energy_.stride(), energy_.out() / 3);
                const Wanted& w = wanted[r];
                float log_excess =
                    excess.sample(w.noise.uniform(layer, 2), w.noise.logistic(layer, 3));
                log_excess = smaller(larger(log_excess, limits_[0]), limits_[1]);
                const float ratio = larger(std::exp(log_excess) - MIN_EXCESS, 0.0f);
                const std::int64_t count = w.counts[layer];
                const float threshold = threshold_[layer];
                const float energy = float(count) * threshold * (1.0f + ratio);
                w.energies[layer] = energy;
                s.spent[r] += energy;
                const float over = larger(energy - float(count) * threshold, 0.0f);
                const float least = float(std::max<std::int64_t>(count, 1)) * threshold;
                float* history = &s.input[std::size_t(r + 1) * in - 4];  // for the next layer
                history[0] = log1p(float(count));
                history[1] = count > 0 ? std::log(over / least + MIN_EXCESS) : 0.0f;
                history[2] = std::log(s.spent[r] + mean_threshold_) - std::log(w.energy);
                history[3] = log1p(energy / threshold);
                history_(history);
            }
        }
        draw_axes(wanted, n, s);
    }

  private:
    static constexpr float MIN_EXCESS = 1e-4f;
    static constexpr int AXIS_STREAM = 20;

    // The state of a row before numbers that a head is told besides; returns where these go.
    float* copy_state(int r, Scratch& s) const {
        const int width = state_.in();
        return std::copy_n(&s.state[std::size_t(r) * padded(width)], width,
                           &s.known[std::size_t(r) * (width + 8)]);
    }
    void step(int n, Scratch& s) const {
        const int width = state_.in(), room = padded(width);
        // the last gate is read in whole vectors
        s.gates.resize(std::size_t(n) * input_.stride() + LANES);
        s.recurrent.resize(std::size_t(n) * state_.stride() + LANES);
        input_({s.input.data(), input_.in(), 1}, n, s.gates.data());
        state_({s.state.data(), room, 1}, n, s.recurrent.data());
        for (int r = 0; r < n; ++r) {
            const float* in = &s.gates[std::size_t(r) * input_.stride()];
            const float* own = &s.recurrent[std::size_t(r) * state_.stride()];
            float* state = &s.state[std::size_t(r) * room];
            for (int i = 0; i < width; i += LANES) {
                const auto gate = [&](const float* of, int k) { return load(of + k * width + i); };
                const Floats reset = sigmoid(gate(in, 0) + gate(own, 0));
                const Floats update = sigmoid(gate(in, 1) + gate(own, 1));
                const Floats fresh = tanh(gate(in, 2) + reset * gate(own, 2));
                store(state + i, (1.0f - update) * fresh + update * load(state + i));
            }
        }
    }
    void draw_axes(const Wanted* wanted, int n, Scratch& s) const {
        const int known = state_.in() + 8;
        for (int r = 0; r < n; ++r) {
            const Wanted& w = wanted[r];
            float total = 0.0f, moment = 0.0f, hits = 0.0f, square = 0.0f;
            for (int l = 0; l < num_layers_; ++l) {
                total += w.energies[l];
                moment += w.energies[l] * z_[l];
                hits += float(w.counts[l]);
            }
            total = larger(total, 1e-6f);
            const float centre = moment / total;
            for (int l = 0; l < num_layers_; ++l)
                square += w.energies[l] * (z_[l] - centre) * (z_[l] - centre);
            float* x = copy_state(r, s);
            x[0] = std::log(total / w.energy);
            x[1] = centre;
            x[2] = std::sqrt(square / total);
            x[3] = log1p(hits);
            summary_(x);
        }
        for (int k = 0; k < 4; ++k) {
            const Mlp& head = axis_[k];
            const float* out = head({s.known.data(), known, 1}, n, s.network);
            for (int r = 0; r < n; ++r) {
                const Mixture numbers(out + std::ptrdiff_t(r) * head.stride(), head.out() / 3);
                const Noise& noise = wanted[r].noise;
                const float drawn = numbers.sample(noise.uniform(k, AXIS_STREAM),
                                                   noise.logistic(k, AXIS_STREAM + 1));
                float& number = s.known[std::size_t(r) * known + state_.in() + 4 + k];
                number = smaller(larger(drawn, axis_limits_[k]), axis_limits_[4 + k]);
                wanted[r].own[k] =
                    std::sinh(number * axis_numbers_.deviation[k] + axis_numbers_.mean[k]) *
                    radius_ * (k < 2 ? 1.0f : 0.01f);
            }
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
