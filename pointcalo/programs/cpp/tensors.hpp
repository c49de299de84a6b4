// Weights, tables and settings by name, as Python hands them over.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "dense.hpp"

namespace pointcalo {

class Tensors {
  public:
    void add(const std::string& name, const double* values, std::vector<std::int64_t> shape) {
        std::size_t size = 1;
        for (const auto n : shape) size *= n;
        entries_[name] = {std::vector<double>(values, values + size), std::move(shape)};
    }
    bool has(const std::string& name) const { return entries_.count(name) > 0; }
    const std::vector<std::int64_t>& shape(const std::string& name) const {
        return at(name).shape;
    }
    double number(const std::string& name) const { return at(name).values.at(0); }
    template <class T = float>
    std::vector<T> values(const std::string& name) const {
        const auto& found = at(name).values;
        return {found.begin(), found.end()};
    }
    Linear linear(const std::string& name) const { return linear(name + ".weight", name + ".bias"); }
    Linear linear(const std::string& weight, const std::string& bias) const {
        const auto w = values(weight), b = values(bias);
        return Linear(w.data(), b.data(), int(shape(weight)[0]), int(shape(weight)[1]));
    }
    Mlp mlp(const std::string& name) const {
        std::vector<Linear> maps;
        for (int i = 0; has(name + "." + std::to_string(i) + ".weight"); i += 2)
            maps.push_back(linear(name + "." + std::to_string(i)));
        if (maps.empty()) throw std::runtime_error("no weights " + name);
        return Mlp(std::move(maps));
    }

  private:
    struct Entry {
        std::vector<double> values;
        std::vector<std::int64_t> shape;
    };
    const Entry& at(const std::string& name) const {
        const auto found = entries_.find(name);
        if (found == entries_.end()) throw std::runtime_error("no entry " + name);
        return found->second;
    }
    std::map<std::string, Entry> entries_;
};

}  // namespace pointcalo
