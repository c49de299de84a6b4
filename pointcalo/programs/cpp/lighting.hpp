// Which cells of a shower are lit, turn after turn: as networks/candidates.py and lighting.py.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "deciding.hpp"
#include "fields.hpp"

namespace pointcalo {

// A cell that was looked at, or beside one that is lit.
struct Cell {
    std::int32_t layer, slot, local;
    float u, v;
    std::int32_t step;
    std::int32_t hit = -1;  // which of the hits
    bool sure = false, listed = false;
    float seen[KINDS] = {};
};

// The cells of a shower by layer and slot.
class CellMap {
  public:
    explicit CellMap(const Lattices& lattices) : lattices_(lattices) {
        for (int l = 0; l < lattices.num_layers; ++l)
            index_.emplace_back(lattices.sheet(l).grid.size(), -1);
    }
    void clear() {
        for (const Cell& cell : cells_) index_[cell.layer][cell.slot] = -1;
        cells_.clear();
    }
    int find(int layer, int slot) const { return index_[layer][slot]; }
    // The number of the cell in a slot that holds one.
    int at(int layer, int slot, const Incident& shower, const std::vector<int>& order) {
        std::int32_t& known = index_[layer][slot];
        if (known >= 0) return known;
        known = std::int32_t(cells_.size());
        const Point uv = shower.to_frame(layer, lattices_.position(layer, slot));
        Cell cell;
        cell.layer = layer, cell.slot = slot, cell.local = lattices_.sheet(layer).grid[slot];
        cell.u = uv.x, cell.v = uv.y;
        cell.step = order[layer * lattices_.num_colours + lattices_.colour(layer, slot)];
        cells_.push_back(cell);
        return known;
    }
    Cell& operator[](int number) { return cells_[number]; }
    const Cell& operator[](int number) const { return cells_[number]; }

  private:
    const Lattices& lattices_;
    std::vector<std::vector<std::int32_t>> index_;
    std::vector<Cell> cells_;
};

class Lighting {
  public:
    Lighting(const Tensors& t, const Lattices& lattices)
        : lattices_(lattices), threshold_(t.values("layer_threshold")),
          last_(t.values<int>("layer_last_turn")), field_(t, "generator.occupancy"), decide_(t),
          unit_(float(t.number("generator.place.radius"))),
          sees_layer_(t.number("sees_layer") != 0.0),
          sees_adjacent_(t.number("sees_adjacent") != 0.0),
          limits_(t.values<std::int64_t>("near_limits")), sizes_(t.values<int>("near_sizes")) {
        for (std::size_t tier = 0; tier < sizes_.size(); ++tier)
            templates_.push_back(t.values<int>("near." + std::to_string(tier)));
        about_own_ = t.values<int>("near.own");
    }

    struct Scratch {
        explicit Scratch(const Lattices& lattices) : cells(lattices) {}
        CellMap cells;
        Outlook outlook;
        std::vector<int> order;                  // of the colours of each layer [L, K]
        std::vector<float> reach, draws;         // [L]
        std::vector<std::vector<int>> listed;    // candidates of each layer and turn [L K]
        std::vector<int> hits;                   // numbers of lit cells
        std::vector<std::vector<std::pair<float, int>>> dark;  // of each layer: score, cell
        std::vector<std::pair<float, int>> found;
        std::vector<int> candidates, first, layers;
        std::vector<float> columns, features, briefs, layer, logit, noise, scratch;
        std::vector<const float*> contexts, onto;
        std::vector<char> lit;
        CellField::Scratch field;
        Decision::Scratch decision;
    };

    // Lights the cells of a shower; false where a layer has more hits than there are tables for, or
    // than cells.
    bool operator()(const Incident& shower, Budget& budget, const float* context, int stride,
                    Scratch& s) const {
        const int layers = lattices_.num_layers, colours = lattices_.num_colours;
        s.cells.clear();
        s.hits.clear();
        s.outlook.begin(layers, colours);
        s.listed.resize(std::size_t(layers) * colours);
        for (auto& list : s.listed) list.clear();
        s.dark.resize(layers);
        for (auto& list : s.dark) list.clear();
        s.order.assign(std::size_t(layers) * colours, 0);
        s.reach.assign(layers, 1.0f), s.draws.assign(layers, 0.0f);
        for (int l = 0; l < layers; ++l)
            if (shower.counts[l] > 0) {
                arrange(shower, budget, l, s);
                if (!look(shower, l, s)) return false;
            }
        for (int parity = 0; parity < 2; ++parity)
            for (int step = 0; step < colours; ++step) {
                turn(shower, budget, context, stride, parity, step, s);
                if (step == colours - 1 && !fill(shower, budget, parity, s)) return false;
            }
        return true;
    }

    // Calls what(number of the cell beside, kind) for all cells beside a lit one.
    template <class What>
    void beside(const Incident& shower, int layer, int slot, bool adjacent, What what) const {
        const Sheet& sheet = lattices_.sheet(layer);
        for (const int step : sheet.first)
            if (sheet.grid[slot + step] >= 0) what(layer, slot + step, 0);
        for (const int step : sheet.second)
            if (sheet.grid[slot + step] >= 0) what(layer, slot + step, 5);
        if (!adjacent) return;
        const Point at = lattices_.position(layer, slot);
        for (const int step : {1, -1}) {
            const int other = layer + step;
            if (other < 0 || other >= lattices_.num_layers) continue;
            const float* a = shower.axis;
            const int there = lattices_.slot_at(other, {at.x + (a[2 * other] - a[2 * layer]),
                                                        at.y + (a[2 * other + 1] - a[2 * layer + 1])});
            if (there < 0) continue;
            const int kind = step > 0 ? 1 : 3;
            what(other, there, kind);
            const Sheet& there_sheet = lattices_.sheet(other);
            for (const int around : there_sheet.first)
                if (there_sheet.grid[there + around] >= 0) what(other, there + around, kind + 1);
        }
    }

    bool is_seen(int kind) const {
        return kind == 0 || kind == 5 ? sees_layer_ : sees_adjacent_;
    }
    bool sees_adjacent() const { return sees_adjacent_; }
    float unit() const { return unit_; }
    int width() const { return field_.width(); }
    int last_turn(int layer) const { return last_[layer]; }

  private:
    static constexpr int FAR_STREAM = 8, OCCUPANCY_STREAM = 10, START_STREAM = 11;
    static constexpr int COIN_STREAM = 18, NEAR_OWN = 19;

    // The order of a layer's colours, outwards from the own axis; what its turns have in store.
    void arrange(const Incident& shower, const Budget& budget, int layer, Scratch& s) const {
        const int colours = lattices_.num_colours;
        const Point centre = budget.centre[layer];
        lattices_.nearest(layer, shower.from_frame(layer, centre), NEAR_OWN, about_own_, s.found);
        float nearest[16];
        int place[16];
        std::fill_n(nearest, colours, std::numeric_limits<float>::infinity());
        for (const auto& [square, slot] : s.found) {
            const Point uv = shower.to_frame(layer, lattices_.position(layer, slot));
            const float du = uv.x - centre.x, dv = uv.y - centre.y;
            float& least = nearest[lattices_.colour(layer, slot)];
            least = smaller(least, std::sqrt(du * du + dv * dv));
        }
        std::iota(place, place + colours, 0);
        std::stable_sort(place, place + colours,
                         [&](int a, int b) { return nearest[a] < nearest[b]; });
        for (int k = 0; k < colours; ++k) s.order[layer * colours + place[k]] = k;
        for (const auto& [square, slot] : s.found) {
            const Cell& cell = s.cells[s.cells.at(layer, slot, shower, s.order)];
            s.outlook.add_place(layer, cell.step, {cell.u, cell.v}, centre,
                                lattices_.sheet(layer).area, unit_);
        }
    }

    // The cells near the incident axis, and some far from it.
    bool look(const Incident& shower, int layer, Scratch& s) const {
        const std::int64_t hits = shower.counts[layer];
        const Point axis{shower.axis[2 * layer], shower.axis[2 * layer + 1]};
        std::size_t tier = 0;
        while (tier < limits_.size() && hits > limits_[tier]) ++tier;
        if (tier == limits_.size()) return false;
        lattices_.nearest(layer, axis, sizes_[tier], templates_[tier], s.found);
        const float area = lattices_.sheet(layer).area;
        s.reach[layer] = larger(std::sqrt(area * float(s.found.size()) / float(M_PI)), 1.0f);
        s.draws[layer] = float(2 * hits + 5);
        for (const auto& [square, slot] : s.found)
            list(s.cells.at(layer, slot, shower, s.order), true, s);
        for (int n = 0; n < 2 * hits + 5; ++n) {
            const std::int64_t counter = std::int64_t(n) * lattices_.num_layers + layer;
            const float radius =
                0.8f * s.reach[layer] / shower.noise.uniform(counter, FAR_STREAM);
            const float angle = 6.2831853071795865f * shower.noise.uniform(counter, FAR_STREAM + 1);
            const int slot = lattices_.slot_at(
                layer, {axis.x + radius * std::cos(angle), axis.y + radius * std::sin(angle)});
            if (slot >= 0) list(s.cells.at(layer, slot, shower, s.order), false, s);
        }
        return true;
    }

    void list(int number, bool sure, Scratch& s) const {
        Cell& cell = s.cells[number];
        cell.sure |= sure;
        if (cell.listed) return;
        cell.listed = true;
        s.listed[cell.layer * lattices_.num_colours + cell.step].push_back(number);
    }

    void add(const Incident& shower, int number, Scratch& s) const {
        Cell& lit = s.cells[number];
        lit.hit = std::int32_t(s.hits.size());
        s.hits.push_back(number);
        const int layer = lit.layer, slot = lit.slot;
        // hits of odd layers come last: no cell of an even one sees them in time
        beside(shower, layer, slot, layer % 2 == 0, [&](int other, int there, int kind) {
            if (shower.counts[other] == 0) return;
            const int beside = s.cells.at(other, there, shower, s.order);
            Cell& cell = s.cells[beside];
            if (is_seen(kind)) cell.seen[kind] += 1.0f;
            if (kind < 5) list(beside, true, s);
            if (kind > 0 && kind < 5 && sees_adjacent_)
                s.outlook.add_edge(other, cell.step, kind % 2 == 1, 1.0f);
        });
    }

    void turn(const Incident& shower, Budget& budget, const float* context, int stride, int parity,
              int step, Scratch& s) const {
        s.candidates.clear(), s.first.clear(), s.layers.clear(), s.contexts.clear();
        for (int l = parity; l < lattices_.num_layers; l += 2) {
            const auto& list = s.listed[l * lattices_.num_colours + step];
            if (budget.left[l] <= 0 || list.empty()) continue;
            s.layers.push_back(l);
            s.first.push_back(int(s.candidates.size()));
            s.contexts.push_back(context + std::ptrdiff_t(l) * stride);
            s.candidates.insert(s.candidates.end(), list.begin(), list.end());
        }
        const int n = int(s.candidates.size()), segments = int(s.layers.size());
        if (n == 0) return;
        s.first.push_back(n);
        score(shower, budget, step, segments, n, s);
        s.lit.resize(n);
        for (int q = 0; q < segments; ++q) {
            const int layer = s.layers[q], from = s.first[q], number = s.first[q + 1] - from;
            const std::int64_t counter =
                layer * 256 + parity * lattices_.num_colours + step;
            decide_(&s.logit[from], &s.noise[from], number, &s.briefs[q * BRIEF],
                    budget.left[layer], last_[layer] == step,
                    shower.noise.uniform(counter, START_STREAM),
                    shower.noise.uniform(counter, COIN_STREAM), &s.lit[from], s.decision);
        }
        for (int q = 0; q < segments; ++q)
            for (int i = s.first[q]; i < s.first[q + 1]; ++i) {
                if (s.lit[i]) {
                    --budget.left[s.layers[q]];
                    add(shower, s.candidates[i], s);
                } else {
                    s.dark[s.layers[q]].emplace_back(s.logit[i] + s.noise[i], s.candidates[i]);
                }
            }
    }

    // Log odds and noise of the candidates of a turn.
    void score(const Incident& shower, const Budget& budget, int step, int segments, int n,
               Scratch& s) const {
        const int room = padded(n);
        const int features = field_.features();
        s.briefs.resize(std::size_t(segments) * BRIEF);
        for (int q = 0; q < segments; ++q) {
            const int l = s.layers[q];
            brief(l, step, last_[l], shower.counts[l], budget.left[l], budget.excess[l],
                  budget.excess[l], threshold_[l], s.outlook, &s.briefs[q * BRIEF]);
        }
        field_.layers(s.briefs.data(), s.contexts.data(), segments, s.layer, s.scratch);
        s.columns.assign(std::size_t(6) * room, 1.0f);
        float *u = s.columns.data(), *v = u + room, *cu = v + room, *cv = cu + room,
              *area = cv + room, *weight = area + room;
        s.features.assign(std::size_t(features) * room, 0.0f);
        s.onto.resize(n), s.logit.resize(room), s.noise.resize(room);
        for (int q = 0; q < segments; ++q) {
            const int l = s.layers[q];
            const float size = lattices_.sheet(l).area;
            const std::int64_t start = lattices_.start(l);
            for (int i = s.first[q]; i < s.first[q + 1]; ++i) {
                const Cell& cell = s.cells[s.candidates[i]];
                u[i] = cell.u, v[i] = cell.v, area[i] = size;
                cu[i] = budget.centre[l].x, cv[i] = budget.centre[l].y;
                weight[i] = cell.sure ? 0.0f : s.draws[l] * 0.8f * s.reach[l];
                s.onto[i] = &s.layer[std::size_t(q) * field_.layer_stride()];
                for (int kind = 0; kind < KINDS; ++kind)
                    s.features[(PLACE + kind) * room + i] = cell.seen[kind];
                const float p = shower.noise.uniform(start + cell.local, OCCUPANCY_STREAM);
                s.noise[i] = p / (1.0f - p);
            }
        }
        place_features(u, v, cu, cv, area, n, unit_, s.features.data(), room);
        for (int i = 0; i < n; i += LANES) {
            store(&s.noise[i], log(load(&s.noise[i])));
            const Floats x = load(u + i), y = load(v + i);
            const Floats factor = log1p(square_root(x * x + y * y) / unit_) / 2.0f;
            for (int kind = 0; kind < KINDS; ++kind)
                store(&s.features[(PLACE + KINDS + kind) * room + i],
                      load(&s.features[(PLACE + kind) * room + i]) * factor);
        }
        const float* out = field_(s.features.data(), room, n, s.onto, s.field);
        for (int i = 0; i < n; ++i) s.logit[i] = out[std::ptrdiff_t(i) * field_.stride()];
        for (int i = 0; i < n; i += LANES) {
            // of far cells, which are looked at with probability q: odds of p / q
            const Floats w = load(weight + i), x = load(u + i), y = load(v + i);
            const Floats r = larger(square_root(x * x + y * y), all(1.0f));
            const Floats expected = w * load(area + i) / (6.2831853071795865f * r * r * r);
            const Floats q = log(-expm1(-smaller(larger(expected, all(1e-12f)), all(50.0f))));
            const Floats logit = load(&s.logit[i]);
            const Floats p = smaller(log_sigmoid(logit) - q, all(-1e-6f));
            const Floats far = p - log(-expm1(p));
            store(&s.logit[i], w > 0.0f ? far : logit);
        }
    }

    // The best of the cells that stayed dark, in layers whose last turn had too few.
    bool fill(const Incident& shower, Budget& budget, int parity, Scratch& s) const {
        for (int l = parity; l < lattices_.num_layers; l += 2) {
            if (budget.left[l] <= 0) continue;
            auto& dark = s.dark[l];
            if (std::int64_t(dark.size()) < budget.left[l]) return false;
            std::partial_sort(dark.begin(), dark.begin() + budget.left[l], dark.end(),
                              [](auto& a, auto& b) { return a.first > b.first; });
            for (std::int64_t i = 0; i < budget.left[l]; ++i) add(shower, dark[i].second, s);
            budget.left[l] = 0;
        }
        return true;
    }

    const Lattices& lattices_;
    std::vector<float> threshold_;
    std::vector<int> last_;
    CellField field_;
    Decision decide_;
    float unit_;
    bool sees_layer_, sees_adjacent_;
    std::vector<std::int64_t> limits_;
    std::vector<int> sizes_, about_own_;
    std::vector<std::vector<int>> templates_;
};

}  // namespace pointcalo
