// The energies and times of lit cells: as networks/energy_turns.py, turn_share.py and delay.py.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "lighting.hpp"
#include "spectrum.hpp"

namespace pointcalo {

// A lit cell.
struct LitCell {
    std::int32_t cell, layer, turn, step;
    float excess;  // over threshold, in thresholds
};

class Energies {
  public:
    Energies(const Tensors& t, const Lattices& lattices, const Lighting& lighting)
        : lattices_(lattices), lighting_(lighting), threshold_(t.values("layer_threshold")),
          z_(t.values("layer_z")), field_(t, "generator.energy"), spectrum_(t),
          proposals_(int(t.number("proposals"))), true_(t.mlp("generator.share.true")),
          drawn_(t.mlp("generator.share.drawn")), true_rest_(t.mlp("generator.share.true_rest")),
          drawn_rest_(t.mlp("generator.share.drawn_rest")), time_(t.mlp("generator.time")),
          origin_(float(t.number("generator.delay.origin"))),
          limits_(t.values("generator.delay.limits")) {}

    struct Edge {
        std::int32_t target, kind;
    };
    struct Scratch {
        std::vector<LitCell> hits;
        std::vector<int> number, first_edge, rows, group, layers;
        std::vector<Edge> edges;
        std::vector<std::vector<int>> of_turn;
        std::vector<float> present, known, log_energy, energy;  // [H, 6]
        std::vector<float> place, columns, features, briefs, layer, scratch, drawn, network;
        std::vector<const float*> contexts, onto;
        Outlook outlook;
        CellField::Scratch field;
        std::vector<float> total;
    };

    // Energies in MeV and times in ns of the hits by rising cell.
    void operator()(const Incident& shower, Budget& budget, const float* context, int stride,
                    Lighting::Scratch& lit, Scratch& s, std::int64_t* cell, std::int64_t* layer,
                    float* points) const {
        order(shower, lit, s);
        place(budget, lit, s);
        for (int turn = 0; turn < 2 * lattices_.num_colours; ++turn) {
            if (turn == lattices_.num_colours) look_ahead(s);
            draw(shower, budget, context, stride, lit, turn, s);
        }
        rescale(shower, budget, s);
        write(shower, context, stride, lit, s, cell, layer, points);
    }

  private:
    static constexpr int ENERGY_STREAM = 12, SHARE_STREAM = 14, TIME_STREAM = 16;
    static constexpr float SMALLEST = 1e-6f, SPEED_OF_LIGHT = 299.792458f, DELAY_SCALE = 0.02f;

    // Hits by rising cell, with the edges between them.
    void order(const Incident& shower, Lighting::Scratch& lit, Scratch& s) const {
        std::sort(lit.hits.begin(), lit.hits.end(), [&](int a, int b) {
            const Cell &x = lit.cells[a], &y = lit.cells[b];
            return x.layer != y.layer ? x.layer < y.layer : x.local < y.local;
        });
        const int n = int(lit.hits.size());
        s.hits.clear(), s.edges.clear(), s.first_edge.assign(1, 0);
        s.of_turn.resize(2 * lattices_.num_colours);
        for (auto& rows : s.of_turn) rows.clear();
        for (int h = 0; h < n; ++h) {
            Cell& cell = lit.cells[lit.hits[h]];
            cell.hit = h;
            const int turn = cell.layer % 2 * lattices_.num_colours + cell.step;
            s.hits.push_back({lit.hits[h], cell.layer, turn, cell.step, 0.0f});
            s.of_turn[turn].push_back(h);
        }
        for (auto* sums : {&s.present, &s.known, &s.log_energy, &s.energy})
            sums->assign(std::size_t(n) * KINDS, 0.0f);
        for (const LitCell& hit : s.hits) {
            const Cell from = lit.cells[hit.cell];
            lighting_.beside(shower, from.layer, from.slot, lighting_.sees_adjacent(),
                             [&](int other, int there, int kind) {
                                 const int known = lit.cells.find(other, there);
                                 if (known < 0 || !lighting_.is_seen(kind)) return;
                                 const int target = lit.cells[known].hit;
                                 if (target < 0) return;
                                 s.edges.push_back({target, kind});
                                 s.present[target * KINDS + kind] += 1.0f;
                             });
            s.first_edge.push_back(int(s.edges.size()));
        }
    }

    void place(const Budget& budget, const Lighting::Scratch& lit, Scratch& s) const {
        const int n = int(s.hits.size()), room = padded(n);
        s.columns.assign(std::size_t(5) * room, 1.0f);
        float *u = s.columns.data(), *v = u + room, *cu = v + room, *cv = cu + room,
              *area = cv + room;
        s.outlook.begin(lattices_.num_layers, lattices_.num_colours);
        for (int h = 0; h < n; ++h) {
            const Cell& cell = lit.cells[s.hits[h].cell];
            const Point centre = budget.centre[cell.layer];
            u[h] = cell.u, v[h] = cell.v, cu[h] = centre.x, cv[h] = centre.y;
            area[h] = lattices_.sheet(cell.layer).area;
            s.outlook.add_place(cell.layer, cell.step, {cell.u, cell.v}, centre, area[h],
                                lighting_.unit());
        }
        s.place.assign(std::size_t(PLACE) * room, 0.0f);
        place_features(u, v, cu, cv, area, n, lighting_.unit(), s.place.data(), room);
    }

    // The energies in even layers are known.
    void look_ahead(Scratch& s) const {
        if (!lighting_.sees_adjacent()) return;
        for (std::size_t h = 0; h < s.hits.size(); ++h) {
            if (s.hits[h].layer % 2) continue;
            const float weight = log1p(s.hits[h].excess);
            for (int e = s.first_edge[h]; e < s.first_edge[h + 1]; ++e) {
                const auto [target, kind] = s.edges[e];
                if (kind > 0 && kind < 5)
                    s.outlook.add_edge(s.hits[target].layer, s.hits[target].step, kind % 2 == 1,
                                       weight);
            }
        }
    }

    void draw(const Incident& shower, Budget& budget, const float* context, int stride,
              const Lighting::Scratch& lit, int turn, Scratch& s) const {
        const auto& rows = s.of_turn[turn];
        const int n = int(rows.size());
        if (n == 0) return;
        const int step = turn % lattices_.num_colours, room = padded(n);
        s.layers.clear(), s.group.clear(), s.contexts.clear();
        for (int i = 0; i < n; ++i) {
            const int l = s.hits[rows[i]].layer;
            if (s.layers.empty() || s.layers.back() != l) {
                s.layers.push_back(l);
                s.group.push_back(i);
                s.contexts.push_back(context + std::ptrdiff_t(l) * stride);
            }
        }
        s.group.push_back(n);
        const int segments = int(s.layers.size());
        s.briefs.resize(std::size_t(segments) * BRIEF);
        for (int q = 0; q < segments; ++q) {
            const int l = s.layers[q];
            brief(l, step, lighting_.last_turn(l), shower.counts[l], budget.left[l],
                  budget.excess[l], budget.excess_left[l], threshold_[l], s.outlook,
                  &s.briefs[q * BRIEF]);
        }
        field_.layers(s.briefs.data(), s.contexts.data(), segments, s.layer, s.scratch);
        const int all_rows = padded(int(s.hits.size()));
        s.features.assign(std::size_t(field_.features()) * room, 0.0f);
        s.onto.resize(n);
        for (int q = 0; q < segments; ++q)
            for (int i = s.group[q]; i < s.group[q + 1]; ++i) {
                const int h = rows[i];
                s.onto[i] = &s.layer[std::size_t(q) * field_.layer_stride()];
                for (int k = 0; k < PLACE; ++k)
                    s.features[k * room + i] = s.place[std::size_t(k) * all_rows + h];
                for (int k = 0; k < KINDS; ++k) {
                    float* to = &s.features[(PLACE + k) * room + i];
                    const int slot = h * KINDS + k;
                    to[0] = s.present[slot];
                    to[KINDS * room] = s.known[slot];
                    to[2 * KINDS * room] = s.log_energy[slot];
                    to[3 * KINDS * room] =
                        s.energy[slot] > 0.0f ? log1p(s.energy[slot]) : 0.0f;
                }
            }
        const float* out = field_(s.features.data(), room, n, s.onto, s.field);
        for (int q = 0; q < segments; ++q)
            take(shower, budget, lit, turn, s.layers[q], rows.data() + s.group[q],
                 s.group[q + 1] - s.group[q], out + std::ptrdiff_t(s.group[q]) * field_.stride(),
                 s);
        for (const int h : rows) {
            const float energy = s.hits[h].excess, log_energy = log1p(energy);
            for (int e = s.first_edge[h]; e < s.first_edge[h + 1]; ++e) {
                const int slot = s.edges[e].target * KINDS + s.edges[e].kind;
                s.known[slot] += 1.0f;
                s.log_energy[slot] += log_energy;
                s.energy[slot] += energy;
            }
        }
    }

    // Draws the energies of a layer's hits in a turn several times and takes one of the draws.
    void take(const Incident& shower, Budget& budget, const Lighting::Scratch& lit, int turn,
              int layer, const int* rows, int n, const float* parameters, Scratch& s) const {
        const int room = padded(proposals_);
        s.drawn.resize(std::size_t(n) * room);
        s.total.assign(room, 0.0f);
        float expected = 0.0f, variance = 0.0f;
        for (int i = 0; i < n; ++i) {
            const Mixture mixture(parameters + std::ptrdiff_t(i) * field_.stride(),
                                  field_.out() / 3, Spectrum::LOW);
            float mean, square;
            spectrum_.moments(mixture, mean, square);
            expected += mean, variance += square;
            const std::int64_t cell =
                lattices_.start(layer) + lit.cells[s.hits[rows[i]].cell].local;
            for (int from = 0; from < room; from += LANES) {
                Floats choice{}, odds{};
                for (int j = 0; j < LANES; ++j) {
                    choice[j] = shower.noise.uniform(cell * proposals_ + from + j, ENERGY_STREAM);
                    const float p =
                        shower.noise.uniform(cell * proposals_ + from + j, ENERGY_STREAM + 1);
                    odds[j] = p / (1.0f - p);
                }
                const Floats energy = spectrum_.sample(mixture, choice, log(odds));
                store(&s.drawn[std::size_t(i) * room + from], energy);
                store(&s.total[from], load(&s.total[from]) + energy);
            }
        }
        const float left = larger(budget.excess_left[layer], 0.0f) / threshold_[layer];
        const int chosen = choose(shower, turn, layer, n, budget.left[layer], left, expected,
                                  variance, s);
        float spent = 0.0f;
        for (int i = 0; i < n; ++i) {
            s.hits[rows[i]].excess = s.drawn[std::size_t(i) * room + chosen];
            spent += s.hits[rows[i]].excess * threshold_[layer];
        }
        budget.left[layer] -= n;
        budget.excess_left[layer] -= spent;
    }

    int choose(const Incident& shower, int turn, int layer, int n, std::int64_t hits_left,
               float energy_left, float expected, float variance, Scratch& s) const {
        const float* total = s.total.data();
        if (n == hits_left) {
            int nearest = 0;
            for (int m = 1; m < proposals_; ++m)
                if (std::fabs(total[m] - energy_left) < std::fabs(total[nearest] - energy_left))
                    nearest = m;
            return nearest;
        }
        const float left = larger(energy_left, SMALLEST);
        const float promise[5] = {
            std::clamp(std::log(expected / left + SMALLEST), -8.0f, 8.0f),
            std::clamp(std::log(std::sqrt(variance) / left + SMALLEST), -8.0f, 8.0f),
            log1p(float(n)),
            log1p(float(std::max<std::int64_t>(hits_left - n, 0))),
            std::log(left / float(std::max<std::int64_t>(hits_left, 1)) + 0.1f),
        };
        const bool one = n == hits_left - 1;
        const Rows x{promise, 0, 1};
        const Mlp &truth = one ? true_rest_ : true_, &made = one ? drawn_rest_ : drawn_;
        const Mixture of_true(truth(x, 1, s.network), truth.out() / 3,
                              one ? Spectrum::LOW : UNCUT);
        const Mixture of_drawn(made(x, 1, s.network), made.out() / 3,
                               one ? std::log(EPS) : UNCUT);
        int best = -1, least = 0;
        float most = -std::numeric_limits<float>::infinity();
        for (int from = 0; from < proposals_; from += LANES) {
            const Floats sum = load(total + from);
            Floats odds;
            if (one) {
                const Floats rest = larger(energy_left - sum, Floats{});
                Floats log_slope;
                odds = spectrum_.log_prob(of_true, rest, log_slope) + log_slope;
                odds -= of_drawn.log_prob(log(rest + EPS));
            } else {
                const Floats share =
                    smaller(larger(sum / left, all(SMALLEST)), all(1.0f - SMALLEST));
                const Floats value = log(share / (1.0f - share));
                odds = of_true.log_prob(value) - of_drawn.log_prob(value);
            }
            for (int j = 0; j < LANES && from + j < proposals_; ++j) {
                const int m = from + j;
                if (total[m] < total[least]) least = m;
                if (total[m] >= energy_left) continue;
                const std::int64_t counter = (std::int64_t(layer) * 256 + turn) * proposals_ + m;
                const float chance = shower.noise.uniform(counter, SHARE_STREAM);
                const float score = odds[j] - std::log(-std::log(chance));
                if (score > most) most = score, best = m;
            }
        }
        return best < 0 ? least : best;
    }

    // A common factor on the excess of each layer, so that it sums to the profile's; in MeV.
    void rescale(const Incident& shower, const Budget& budget, Scratch& s) const {
        s.total.assign(lattices_.num_layers, 0.0f);
        for (LitCell& hit : s.hits) {
            hit.excess *= threshold_[hit.layer];
            s.total[hit.layer] += hit.excess;
        }
        for (LitCell& hit : s.hits) {
            const float total = s.total[hit.layer], whole = budget.excess[hit.layer];
            hit.excess = total > 0.0f ? hit.excess * (whole / larger(total, 1e-12f))
                                      : whole / float(shower.counts[hit.layer]);
        }
    }

    void write(const Incident& shower, const float* context, int stride,
               const Lighting::Scratch& lit, Scratch& s, std::int64_t* cells, std::int64_t* layers,
               float* points) const {
        const int n = int(s.hits.size()), room = padded(n), width = time_.in() - PLACE - 2;
        s.features.assign(std::size_t(n) * time_.in(), 0.0f);
        for (int h = 0; h < n; ++h) {
            const LitCell& hit = s.hits[h];
            float* x = &s.features[std::size_t(h) * time_.in()];
            for (int k = 0; k < PLACE; ++k) *x++ = s.place[std::size_t(k) * room + h];
            const float value = std::log(hit.excess / threshold_[hit.layer] + EPS);
            *x++ = value;
            *x++ = value * value / 8.0f;
            std::copy_n(context + std::ptrdiff_t(hit.layer) * stride, width, x);
        }
        const float* out = time_({s.features.data(), time_.in(), 1}, n, s.network);
        for (int h = 0; h < n; ++h) {
            const LitCell& hit = s.hits[h];
            const Cell& cell = lit.cells[hit.cell];
            cells[h] = lattices_.start(hit.layer) + cell.local;
            layers[h] = hit.layer;
            const Point at = lattices_.position(cell.layer, cell.slot);
            const Mixture mixture(out + std::ptrdiff_t(h) * time_.stride(), time_.out() / 3);
            const float value = mixture.sample(shower.noise.uniform(cells[h], TIME_STREAM),
                                               shower.noise.logistic(cells[h], TIME_STREAM + 1));
            const float light = z_[hit.layer] / shower.cosine / SPEED_OF_LIGHT;
            float* point = points + 4 * std::ptrdiff_t(h);
            point[0] = at.x, point[1] = at.y;
            point[2] = threshold_[hit.layer] + hit.excess;
            point[3] = light + origin_ +
                       DELAY_SCALE * std::sinh(std::clamp(value, limits_[0], limits_[1]));
        }
    }

    const Lattices& lattices_;
    const Lighting& lighting_;
    std::vector<float> threshold_, z_;
    CellField field_;
    Spectrum spectrum_;
    int proposals_;
    Mlp true_, drawn_, true_rest_, drawn_rest_, time_;
    float origin_;
    std::vector<float> limits_;
};

}  // namespace pointcalo
