// Profiles and showers of a trained cell generator, one at a time.
#pragma once

#include "energies.hpp"

namespace pointcalo {

class Engine {
  public:
    explicit Engine(const Tensors& t)
        : lattices_(t), profile_(t, lattices_), context_(t, lattices_), lighting_(t, lattices_),
          energies_(t, lattices_, lighting_), z_(t.values("layer_z")),
          threshold_(t.values("layer_threshold")) {}
    Engine(const Engine&) = delete;  // its parts refer to one another

    // What a thread needs for itself.
    struct Scratch {
        explicit Scratch(const Engine& engine) : lighting(engine.lattices_) {}
        ProfileModel::Scratch profile;
        Budget budget;
        LayerContext::Scratch context;
        Lighting::Scratch lighting;
        Energies::Scratch energies;
    };

    int num_layers() const { return int(lattices_.num_layers); }
    const std::vector<float>& z() const { return z_; }

    // Profiles of n particles.
    void profiles(const ProfileModel::Wanted* wanted, int n, int conditions, Scratch& s) const {
        profile_.sample(wanted, n, conditions, s.profile);
    }

    // As many hits as the profile has: cells, layers, and x, y, energy and time in rows of four.
    // False where a layer has more hits than there are tables for, or than cells.
    bool shower(const Incident& shower, std::int64_t* cell, std::int64_t* layer, float* points,
                Scratch& s) const {
        s.budget.begin(shower, z_, threshold_);
        const float* context = context_(shower, s.budget, s.context);
        const int stride = context_.stride();
        if (!lighting_(shower, s.budget, context, stride, s.lighting)) return false;
        s.budget.begin(shower, z_, threshold_);
        energies_(shower, s.budget, context + lighting_.width(), stride, s.lighting, s.energies,
                  cell, layer, points);
        return true;
    }

  private:
    Lattices lattices_;
    ProfileModel profile_;
    LayerContext context_;
    Lighting lighting_;
    Energies energies_;
    std::vector<float> z_, threshold_;
};

}  // namespace pointcalo
