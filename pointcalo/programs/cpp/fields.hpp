// The networks on cells and hits: places, contexts of layers, fields.
#pragma once

#include <vector>

#include "dense.hpp"
#include "profile.hpp"
#include "shower.hpp"

namespace pointcalo {

constexpr int PLACE = 21, KINDS = 6;

// Features of n places as columns [21][stride]: as networks/place.py.
inline void place_features(const float* us, const float* vs, const float* centre_u,
                           const float* centre_v, const float* areas, int n, float unit,
                           float* to, std::ptrdiff_t stride) {
    for (int i = 0; i < n; i += LANES) {
        const Floats x = load(us + i), y = load(vs + i), area = load(areas + i);
        const Floats u = x / unit, v = y / unit;
        const Floats du = (x - load(centre_u + i)) / unit, dv = (y - load(centre_v + i)) / unit;
        const Floats dr = square_root(du * du + dv * dv), near = 1.0f / (dr + 0.3f);
        const Floats size = square_root(area);
        const Floats cells = square_root(x * x + y * y) / size;
        const Floats r = square_root(u * u + v * v), soft = 1.0f / (r + 0.3f);
        const Floats features[PLACE] = {
            u / 4.0f,
            v / 4.0f,
            r / 4.0f,
            log1p(r),
            log1p(4.0f * r),
            u * soft,
            v * soft,
            (u * u - v * v) * soft * soft,
            exp(-r * r),
            exp(-r),
            exp(-r / 4.0f),
            log(size / unit),
            du / 4.0f,
            dv / 4.0f,
            log1p(4.0f * dr),
            du * near,
            dv * near,
            exp(-dr * dr),
            exp(-dr),
            exp(-2.0f * cells * cells),
            log1p(2.0f * cells),
        };
        for (int k = 0; k < PLACE; ++k) store(to + k * stride + i, features[k]);
    }
}

// One small network for every cell, on top of what its layer knows: as networks/cell_field.py.
class CellField {
  public:
    CellField(const Tensors& t, const std::string& name)
        : brief_(t.linear(name + ".brief")), shared_(t.linear(name + ".shared")),
          cell_(t.linear(name + ".cell")), head_(t.mlp(name + ".head")) {}

    int width() const { return shared_.in(); }
    int features() const { return cell_.in(); }
    int out() const { return head_.out(); }
    int stride() const { return head_.stride(); }

    struct Scratch {
        std::vector<float> hidden, network;
        std::vector<const float*> onto;
    };

    // What layers add to their cells [n, stride of width], from briefs [n, 25] and contexts.
    void layers(const float* briefs, const float* const* contexts, int n, std::vector<float>& to,
                std::vector<float>& scratch) const {
        const std::size_t size = std::size_t(shared_.stride()) * n;
        if (to.size() < size) to.resize(size);
        if (scratch.size() < size) scratch.resize(size);
        brief_({briefs, BRIEF, 1}, n, scratch.data(), contexts, 0.0f);
        shared_({scratch.data(), shared_.stride(), 1}, n, to.data());
    }
    int layer_stride() const { return shared_.stride(); }

    // Outputs [n, stride] of cells with features as columns [features][stride].
    const float* operator()(const float* features, std::ptrdiff_t stride, int n,
                            const std::vector<const float*>& layer, Scratch& s) const {
        const std::size_t size = std::size_t(cell_.stride()) * n;
        if (s.hidden.size() < size) s.hidden.resize(size);
        cell_({features, 1, stride}, n, s.hidden.data(), layer.data(), 0.0f);
        return head_({s.hidden.data(), cell_.stride(), 1}, n, s.network);
    }

  private:
    Linear brief_, shared_, cell_;
    Mlp head_;
};

// A vector for every layer: as networks/context.py.
class LayerContext {
  public:
    LayerContext(const Tensors& t, const Lattices& lattices)
        : lattices_(lattices), several_sizes_(t.number("several_sizes") != 0.0),
          z_(t.values("layer_z")), threshold_(t.values("layer_threshold")),
          standardise_(t, "generator.context.standardise"),
          radius_(float(t.number("generator.context.radius"))),
          conditions_(int(t.number("num_conditions"))), latent_(int(t.number("latent"))),
          network_(t.mlp("generator.context.network")) {}

    int stride() const { return network_.stride(); }

    struct Scratch {
        std::vector<float> input, hits, energy, network;
    };

    // Contexts [L, stride], in scratch.
    const float* operator()(const Incident& shower, const Budget& budget, Scratch& s) const {
        const int layers = lattices_.num_layers, size = network_.in();
        float deepest = 1.0f, total = 0.0f, moment = 0.0f, hits = 0.0f;
        s.hits.assign(layers + 4, 0.0f), s.energy.assign(layers + 4, 0.0f);
        for (int l = 0; l < layers; ++l) {
            deepest = larger(deepest, std::fabs(z_[l]));
            total += shower.energy[l];
            moment += shower.energy[l] * z_[l];
            hits += float(shower.counts[l]);
            s.hits[l + 2] = log1p(float(shower.counts[l]));
            s.energy[l + 2] = log1p(budget.excess[l] / threshold_[l]);
        }
        total = larger(total, 1e-6f);
        const float centre = moment / total;
        s.input.resize(std::size_t(layers) * size);
        for (int l = 0; l < layers; ++l) {
            float* x = &s.input[std::size_t(l) * size];
            float* const first = x;
            x = std::copy_n(&s.hits[l], 5, x);
            x = std::copy_n(&s.energy[l], 5, x);
            *x++ = std::asinh(10.0f * budget.centre[l].x / radius_);
            *x++ = std::asinh(10.0f * budget.centre[l].y / radius_);
            *x++ = std::asinh(shower.own[2] * 1e3f / radius_);
            *x++ = std::asinh(shower.own[3] * 1e3f / radius_);
            const auto count = float(shower.counts[l]);
            *x++ = count > 0 ? std::log(budget.excess[l] / (count * threshold_[l]) + 1e-2f) : 0.0f;
            *x++ = (z_[l] - centre) / deepest;
            *x++ = centre / deepest;
            *x++ = log1p(hits);
            *x++ = std::log(total);
            *x++ = float(l) / float(layers);
            float offset, log_area;
            axis_cell(lattices_, l, {shower.axis[2 * l], shower.axis[2 * l + 1]}, offset, log_area);
            *x++ = offset;
            if (several_sizes_) *x++ = log_area;
            standardise_(first);
            x = std::copy_n(shower.condition, conditions_, x);
            std::copy_n(shower.latent, latent_, x);
        }
        return network_({s.input.data(), size, 1}, layers, s.network);
    }

  private:
    const Lattices& lattices_;
    bool several_sizes_;
    std::vector<float> z_, threshold_;
    Standardise standardise_;
    float radius_;
    int conditions_, latent_;
    Mlp network_;
};

}  // namespace pointcalo
