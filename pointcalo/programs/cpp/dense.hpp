// Linear maps and small networks on rows of floats.
#pragma once

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "vector_math.hpp"

namespace pointcalo {

inline int padded(int n) { return (n + LANES - 1) / LANES * LANES; }

constexpr int MOST_ROWS = 6;  // that go through a map together

// Inputs of a map: of row r, feature k lies at data[r * row + k * feature].
struct Rows {
    const float* data;
    std::ptrdiff_t row, feature;
};

// y = W x + b. Outputs are padded to full vectors: those beyond `out` are 0.
class Linear {
  public:
    Linear() = default;
    Linear(const float* weight, const float* bias, int out, int in)
        : in_(in), out_(out), stride_(padded(out)), weight_(std::size_t(stride_) * in),
          bias_(stride_) {
        for (int o = 0; o < out; ++o) {
            bias_[o] = bias ? bias[o] : 0.0f;
            for (int i = 0; i < in; ++i) weight_[std::size_t(i) * stride_ + o] = weight[o * in + i];
        }
    }
    int in() const { return in_; }
    int out() const { return out_; }
    int stride() const { return stride_; }

    // Maps n rows to y [n, stride]; `onto` [n, stride], where given, is added row by row. Nothing
    // below the floor comes out.
    void operator()(Rows x, int n, float* y, const float* const* onto = nullptr,
                    float floor = NONE) const {
        const int sixes = n - n % MOST_ROWS;
        for (int column = 0; column < stride_; column += MOST * LANES)
            for (int r = 0; r < sixes; r += MOST_ROWS)
                block<MOST_ROWS, MOST>(x, r, column, y, onto, floor);
        for (int column = 0; column < stride_; column += ALONE * LANES)
            for (int r = sixes; r < n; ++r) block<1, ALONE>(x, r, column, y, onto, floor);
    }

  private:
    static constexpr float NONE = -std::numeric_limits<float>::infinity();
    // Vectors of a block of six rows, and of a row alone: as many as the registers hold.
    static constexpr int MOST = REGISTERS == 32 ? 4 : 2, ALONE = 8;

    // R rows from r on, of V vectors from the column on, or of as many as there are.
    template <int R, int V>
    void block(Rows x, int r, int column, float* y, const float* const* onto, float floor) const {
        if constexpr (V > 1)
            if (column + V * LANES > stride_)
                return block<R, V - 1>(x, r, column, y, onto, floor);
        Floats sum[R][V];
        for (int i = 0; i < R; ++i)
            for (int v = 0; v < V; ++v) {
                sum[i][v] = load(&bias_[column + v * LANES]);
                if (onto) sum[i][v] += load(onto[r + i] + column + v * LANES);
            }
        const float* w = weight_.data() + column;
        const float* from = x.data + r * x.row;
        for (int k = 0; k < in_; ++k, w += stride_, from += x.feature) {
            Floats weight[V];
            for (int v = 0; v < V; ++v) weight[v] = load(w + v * LANES);
            for (int i = 0; i < R; ++i) {
                const Floats value = all(from[i * x.row]);
                for (int v = 0; v < V; ++v) sum[i][v] += value * weight[v];
            }
        }
        for (int i = 0; i < R; ++i)
            for (int v = 0; v < V; ++v)
                store(y + std::ptrdiff_t(r + i) * stride_ + column + v * LANES,
                      larger(sum[i][v], all(floor)));
    }

    int in_ = 0, out_ = 0, stride_ = 0;
    std::vector<float> weight_, bias_;
};

// Linear maps with ReLU between them; scratch grows as needed.
class Mlp {
  public:
    Mlp() = default;
    explicit Mlp(std::vector<Linear> maps) : maps_(std::move(maps)) {}
    int in() const { return maps_.front().in(); }
    int out() const { return maps_.back().out(); }
    int stride() const { return maps_.back().stride(); }

    // Outputs of n rows [n, stride], in scratch until the next call with it.
    const float* operator()(Rows x, int n, std::vector<float>& scratch) const {
        std::size_t size = 0;
        for (const Linear& map : maps_) size += std::size_t(map.stride()) * n;
        if (scratch.size() < size) scratch.resize(size);
        float* y = scratch.data();
        for (std::size_t i = 0; i < maps_.size(); ++i) {
            if (i + 1 == maps_.size()) {
                maps_[i](x, n, y);
                break;
            }
            maps_[i](x, n, y, nullptr, 0.0f);
            x = {y, maps_[i].stride(), 1};
            y += std::size_t(maps_[i].stride()) * n;
        }
        return y;
    }

  private:
    std::vector<Linear> maps_;
};

}  // namespace pointcalo
