// Which cells of a layer's turn are lit: as pointcalo/networks/deciding.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "dense.hpp"
#include "shower.hpp"

namespace pointcalo {

class Decision {
  public:
    explicit Decision(const Tensors& t) : number_(t.mlp("generator.number.net")) {}

    struct Scratch {
        std::vector<double> odds;
        std::vector<float> p, network;
        std::vector<int> order;
        std::vector<char> together;
    };

    // Whether each of n cells is lit, given log odds and logistic noise; at most the hits left, in
    // a layer's last turn all of them where there are as many cells.
    void operator()(const float* logit, const float* noise, int n, const float* brief,
                    std::int64_t left, bool last, float start, float coin, char* lit,
                    Scratch& s) const {
        float expected = 0.0f, variance = 0.0f;
        std::int64_t alone = 0;
        s.p.resize(padded(n));
        for (int i = 0; i < n; i += LANES) {
            Floats x{};
            std::memcpy(&x, logit + i, sizeof(float) * std::min(LANES, n - i));
            store(&s.p[i], sigmoid(x));
        }
        for (int i = 0; i < n; ++i) {
            expected += s.p[i];
            variance += s.p[i] * (1.0f - s.p[i]);
            lit[i] = logit[i] + noise[i] > 0.0f;
            alone += lit[i];
        }
        const bool all_left = last || alone > left;
        const float wanted = all_left ? float(left) : smaller(expected, float(left));
        if (!all_left && coin >= share_together(brief, expected, variance, s)) return;
        draw(logit, noise, n, wanted, start, s);
        std::copy(s.together.begin(), s.together.begin() + n, lit);
        if (all_left) complete(logit, noise, n, left, lit, s);
    }

  private:
    float share_together(const float* brief, float expected, float variance, Scratch& s) const {
        float x[BRIEF + 2];
        std::copy(brief, brief + BRIEF, x);
        x[BRIEF] = log1p(expected);
        x[BRIEF + 1] = std::log(variance + 1e-3f);
        const float kept = sigmoid(number_({x, 0, 1}, 1, s.network)[0]);
        const float fraction = expected - std::floor(expected);
        const float surplus = variance * (1.0f - kept);
        const float share =
            surplus / larger(variance - fraction * (1.0f - fraction), 1e-9f);
        return smaller(larger(share, 0.0f), 1.0f);
    }
    // Systematic sampling in the order of falling noise, log odds shifted so that they sum.
    void draw(const float* logit, const float* noise, int n, float number, float start,
              Scratch& s) const {
        const double wanted = number;
        double shift = 0.0;
        s.odds.resize(n), s.order.resize(n), s.together.assign(n, 0);
        auto share = [&](int i) { return 1.0 / (1.0 + std::exp(-(double(logit[i]) + shift))); };
        for (int step = 0; step < 6; ++step) {
            double slope = 0.0, sum = 0.0;
            for (int i = 0; i < n; ++i) {
                const double p = share(i);
                slope += p * (1.0 - p);
                sum += p;
            }
            const double moved = (wanted - sum) / larger(slope, 1e-9);
            shift += smaller(larger(moved, -3.0), 3.0);
            if (std::fabs(moved) < 1e-13) break;
        }
        std::iota(s.order.begin(), s.order.end(), 0);
        std::sort(s.order.begin(), s.order.end(),
                  [&](int a, int b) { return noise[a] > noise[b]; });
        double total = 0.0;
        for (int i = 0; i < n; ++i) total += s.odds[i] = share(i);
        const double unit = wanted / larger(total, 1e-12);
        double upto = 0.0;
        for (const int i : s.order) {
            const double before = upto;
            upto += s.odds[i];
            s.together[i] = std::floor(upto * unit + start) > std::floor(before * unit + start);
        }
    }
    // By rounding, or where too few are possible: the best of the others.
    static void complete(const float* logit, const float* noise, int n, std::int64_t left,
                         char* lit, Scratch& s) {
        std::int64_t missing = left - std::count(lit, lit + n, char(1));
        if (missing <= 0) return;
        s.order.clear();
        for (int i = 0; i < n; ++i)
            if (!lit[i]) s.order.push_back(i);
        std::sort(s.order.begin(), s.order.end(),
                  [&](int a, int b) { return logit[a] + noise[a] > logit[b] + noise[b]; });
        for (const int i : s.order) {
            if (missing-- <= 0) break;
            lit[i] = 1;
        }
    }
    Mlp number_;
};

}  // namespace pointcalo
