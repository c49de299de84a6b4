// What is known of a shower before its cells are: frame, profile, what layers have to give.
#pragma once

#include <cmath>
#include <vector>

#include "lattice.hpp"
#include "noise.hpp"

namespace pointcalo {

constexpr int BRIEF = 25, NAMED = 6, PLACES = 3, WEIGHTS = 5;
constexpr float EPS = 0.3f;

// The incident particle and the profile of a shower.
struct Incident {
    Noise noise;
    const float* condition;      // of the generator's context
    const float* latent;
    const float* axis;           // [L, 2]: where the incident axis crosses the layers, mm
    float along_x, along_y;      // unit vector of the tilt
    float cosine;                // of the direction with z
    const std::int64_t* counts;  // [L]
    const float* energy;         // [L], MeV
    const float* own;            // own axis [4]: u, v in mm, slopes

    Point to_frame(int layer, Point at) const {
        const float x = at.x - axis[2 * layer], y = at.y - axis[2 * layer + 1];
        return {x * along_x + y * along_y, -x * along_y + y * along_x};
    }
    Point from_frame(int layer, Point uv) const {
        return {uv.x * along_x - uv.y * along_y + axis[2 * layer],
                uv.x * along_y + uv.y * along_x + axis[2 * layer + 1]};
    }
};

// Hits and excess energy of each layer, and what is left of them: as networks/budget.py.
struct Budget {
    std::vector<Point> centre;  // where the own axis crosses the layers, in the frame
    std::vector<float> excess, excess_left;
    std::vector<std::int64_t> left;

    void begin(const Incident& shower, const std::vector<float>& z,
               const std::vector<float>& threshold) {
        const std::size_t layers = z.size();
        float total = 0.0f, moment = 0.0f;
        for (std::size_t l = 0; l < layers; ++l) {
            total += shower.energy[l];
            moment += shower.energy[l] * z[l];
        }
        const float middle = moment / larger(total, 1e-9f);
        centre.resize(layers), excess.resize(layers);
        for (std::size_t l = 0; l < layers; ++l) {
            const float depth = z[l] - middle;
            centre[l] = {shower.own[0] + shower.own[2] * depth,
                         shower.own[1] + shower.own[3] * depth};
            excess[l] = larger(shower.energy[l] - float(shower.counts[l]) * threshold[l], 0.0f);
        }
        excess_left = excess;
        left.assign(shower.counts, shower.counts + layers);
    }
};

// Weights of cells or hits, summed over the turns of each layer: as networks/outlook.py.
class Outlook {
  public:
    void begin(int num_layers, int num_colours) {
        colours_ = num_colours;
        sums_.assign(std::size_t(num_layers) * num_colours * WEIGHTS, 0.0f);
    }
    float* at(int layer, int step) {
        return &sums_[(std::size_t(layer) * colours_ + step) * WEIGHTS];
    }
    void add_place(int layer, int step, Point uv, Point centre, float area, float radius) {
        const float du = uv.x - centre.x, dv = uv.y - centre.y;
        const float distance = std::sqrt(du * du + dv * dv), square = distance * distance / area;
        float* sum = at(layer, step);
        sum[0] += std::exp(-distance / radius);
        sum[1] += std::exp(-square);
        sum[2] += std::exp(-4.0f * square);
    }
    void add_edge(int layer, int step, bool on, float weight) {
        at(layer, step)[on ? PLACES : PLACES + 1] += weight;
    }
    // The last 13 numbers of a brief.
    void features(int layer, int step, std::int64_t left, float* to) const {
        float coming[WEIGHTS] = {}, later[WEIGHTS] = {};
        for (int k = colours_ - 1; k >= step; --k)
            for (int w = 0; w < WEIGHTS; ++w) {
                const float value = sums_[(std::size_t(layer) * colours_ + k) * WEIGHTS + w];
                coming[w] += value;
                if (k > step) later[w] += value;
            }
        for (int w = 0; w < WEIGHTS; ++w)
            *to++ = smaller(later[w] / larger(coming[w], 1e-6f), 1.0f);
        float sums[16] = {coming[3], coming[4], later[0], later[1], later[2]};
        static_assert(PLACES == 3 && WEIGHTS == 5);
        log1p(sums, WEIGHTS);
        to = std::copy_n(sums, WEIGHTS, to);
        for (int w = 0; w < PLACES; ++w)
            *to++ = smaller(later[w] / (float(left) + 0.5f), 3.0f);
    }

  private:
    int colours_ = 0;
    std::vector<float> sums_;
};

// What a layer knows at one of its turns.
inline void brief(int layer, int step, int last, std::int64_t count, std::int64_t left,
                  float excess, float excess_left, float threshold, const Outlook& outlook,
                  float* to) {
    const int later = std::max(last - step, 0);
    excess_left = larger(excess_left, 0.0f);
    to[0] = log1p(float(std::max<std::int64_t>(left, 0)));
    to[1] = float(left) / float(std::max<std::int64_t>(count, 1));
    to[2] = float(layer % 2);
    to[3] = 1.0f / float(later + 1);
    to[4] = std::log(excess_left / (float(std::max<std::int64_t>(left, 1)) * threshold) + EPS);
    to[5] = excess_left / larger(excess, 1e-9f);
    for (int n = 0; n < NAMED; ++n) to[6 + n] = later == n ? 1.0f : 0.0f;
    outlook.features(layer, step, std::max<std::int64_t>(left, 0), to + 6 + NAMED);
}

}  // namespace pointcalo
