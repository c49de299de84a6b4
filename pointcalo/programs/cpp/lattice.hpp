// Cells of layers that are lattices: as pointcalo/geometry/lattice.py, hexagonal.py, cartesian.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tensors.hpp"

namespace pointcalo {

struct Point {
    float x, y;
};

// One lattice: a window of sites, of which a grid keeps some as cells.
struct Sheet {
    int width, height, low_i, low_j;
    float scale_x, scale_y, origin_x32, origin_y32;
    double pitch_x, pitch_y, origin_x, origin_y;
    float area;
    std::vector<std::int32_t> grid, slot;  // cell of a slot, -1 for none; slot of a cell
    std::vector<int> first, second;        // slots of the neighbours, from that of a cell
};

class Lattices {
  public:
    explicit Lattices(const Tensors& t)
        : num_layers(int(t.number("num_layers"))), num_colours(int(t.number("num_colours"))),
          hexagonal_(t.number("hexagonal") != 0.0), basis_(t.values<double>("basis")),
          sheet_of_(t.values<int>("sheet_of_layer")),
          layer_start_(t.values<std::int64_t>("layer_start")) {
        const auto first = t.values<int>("steps"), second = t.values<int>("second_steps");
        for (int s = 0; t.has("sheet." + std::to_string(s) + ".window"); ++s) {
            const std::string name = "sheet." + std::to_string(s) + ".";
            const auto window = t.values<int>(name + "window");
            const auto place = t.values<double>(name + "place");
            Sheet sheet{};
            sheet.low_i = window[0], sheet.low_j = window[1];
            sheet.width = window[2], sheet.height = window[3];
            sheet.pitch_x = place[0], sheet.pitch_y = place[1];
            sheet.origin_x = place[2], sheet.origin_y = place[3];
            sheet.scale_x = float(1.0 / place[0]), sheet.scale_y = float(1.0 / place[1]);
            sheet.origin_x32 = float(place[2]), sheet.origin_y32 = float(place[3]);
            sheet.area = float(place[4]);
            sheet.grid = t.values<std::int32_t>(name + "grid");
            sheet.slot = t.values<std::int32_t>(name + "slot");
            for (std::size_t i = 0; i < first.size(); i += 2)
                sheet.first.push_back(first[i + 1] * sheet.width + first[i]);
            for (std::size_t i = 0; i < second.size(); i += 2)
                sheet.second.push_back(second[i + 1] * sheet.width + second[i]);
            sheets_.push_back(std::move(sheet));
        }
    }

    const int num_layers, num_colours;

    const Sheet& sheet(int layer) const { return sheets_[sheet_of_[layer]]; }
    std::int64_t start(int layer) const { return layer_start_[layer]; }
    std::int64_t num_cells(int layer) const { return layer_start_[layer + 1] - layer_start_[layer]; }

    Point position(int layer, int slot) const {
        const Sheet& s = sheet(layer);
        const int row = slot / s.width;
        const double i = slot - row * s.width + s.low_i, j = row + s.low_j;
        return {float(s.origin_x + (i * basis_[0] + j * basis_[2]) * s.pitch_x),
                float(s.origin_y + (i * basis_[1] + j * basis_[3]) * s.pitch_y)};
    }
    int colour(int layer, int slot) const {
        const Sheet& s = sheet(layer);
        const int row = slot / s.width;
        const int i = slot - row * s.width + s.low_i, j = row + s.low_j;
        return hexagonal_ ? modulo(i + 3 * j, 7) : modulo(i, 3) + 3 * modulo(j, 3);
    }
    // The slot under a point, -1 where no cell is.
    int slot_at(int layer, Point at) const {
        const auto [i, j] = site(layer, at);
        const Sheet& s = sheet(layer);
        if (!(i >= 0.0f && j >= 0.0f && i < float(s.width) && j < float(s.height))) return -1;
        const int slot = int(j) * s.width + int(i);
        return s.grid[slot] < 0 ? -1 : slot;
    }
    // The slots with the k nearest centres, in no order; fewer where the layer has fewer cells.
    // `offsets` are the sites that may be among them away from edges, pairs of steps.
    void nearest(int layer, Point at, int k, const std::vector<int>& offsets,
                 std::vector<std::pair<float, int>>& found) const {
        found.clear();
        if (!all_about(layer, at, offsets, found)) {  // near an edge or a hole: any may be near
            found.clear();
            for (const int slot : sheet(layer).slot) add(layer, at, slot, found);
        }
        k = std::min(k, int(found.size()));
        if (k > 0) std::nth_element(found.begin(), found.begin() + (k - 1), found.end());
        found.resize(k);
    }

    // From the centre of the cell under a point or, where there is none, of the nearest one.
    float distance_to_cell(int layer, Point at) const {
        const auto distance = [&](int slot) {
            const Point centre = position(layer, slot);
            return std::hypot(centre.x - at.x, centre.y - at.y);
        };
        if (const int slot = slot_at(layer, at); slot >= 0) return distance(slot);
        float least = std::numeric_limits<float>::infinity();
        for (const int slot : sheet(layer).slot) least = std::min(least, distance(slot));
        return least;
    }

  private:
    bool all_about(int layer, Point at, const std::vector<int>& offsets,
                   std::vector<std::pair<float, int>>& found) const {
        const Sheet& s = sheet(layer);
        const auto [fi, fj] = site(layer, at);
        if (!(fi >= 0.0f && fj >= 0.0f && fi < float(s.width) && fj < float(s.height))) return false;
        const int i = int(fi), j = int(fj);
        for (std::size_t n = 0; n < offsets.size(); n += 2) {
            const int a = i + offsets[n], b = j + offsets[n + 1];
            if (a < 0 || b < 0 || a >= s.width || b >= s.height) return false;
            const int slot = b * s.width + a;
            if (s.grid[slot] < 0) return false;
            add(layer, at, slot, found);
        }
        return true;
    }
    void add(int layer, Point at, int slot, std::vector<std::pair<float, int>>& found) const {
        const Point centre = position(layer, slot);
        const float dx = centre.x - at.x, dy = centre.y - at.y;
        found.emplace_back(dx * dx + dy * dy, slot);
    }
    static int modulo(int a, int n) { return ((a % n) + n) % n; }
    std::pair<float, float> site(int layer, Point at) const {
        const Sheet& s = sheet(layer);
        const float u = (at.x - s.origin_x32) * s.scale_x, v = (at.y - s.origin_y32) * s.scale_y;
        float i, j;
        if (hexagonal_) {
            const float w = v * 1.7320508075688772f;
            const float t = std::ceil(u + w - 1.0f);
            j = std::nearbyint((std::ceil(w - u - 1.0f) + t + 1.0f) * (1.0f / 3.0f));
            i = std::nearbyint((std::ceil(u + u - 1.0f) + t + 1.0f) * (1.0f / 3.0f)) - j;
        } else {
            i = std::ceil(u - 0.5f), j = std::ceil(v - 0.5f);
        }
        return {i - float(s.low_i), j - float(s.low_j)};
    }

    bool hexagonal_;
    std::vector<double> basis_;
    std::vector<int> sheet_of_;
    std::vector<std::int64_t> layer_start_;
    std::vector<Sheet> sheets_;
};

}  // namespace pointcalo
