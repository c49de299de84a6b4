// An exported generator: from incident particles to hits on cells.
//
//     pointcalo::Generator generator("generator/generator.safetensors");
//     pointcalo::Generator::Scratch scratch(generator);  // of one thread
//     std::vector<pointcalo::Hit> hits;
//     if (!generator({50e3f, {0, 0, 1}, {0, 0, 0}}, seed, number, hits, scratch))
//         ...  // more hits than it knows or the detector has cells: simulate it in full
#pragma once

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine.hpp"
#include "safetensors.hpp"

namespace pointcalo {

struct Particle {
    float energy;                    // kinetic, MeV
    std::array<float, 3> direction;  // of the momentum: a unit vector with z other than 0
    std::array<float, 3> position;   // where the axis crosses the face z = 0, mm
    std::int64_t pdg = 22;
    std::vector<float> conditions = {};  // as generator.yaml names them, in its order
};

struct Hit {
    std::int64_t layer, cell;   // as in the geometry file
    float x, y, energy, time;   // centre of the cell in mm, MeV above threshold, ns
};

// Features of a particle: as pointcalo/nn/condition.py.
class Condition {
  public:
    Condition(const Tensors& t, const std::string& name)
        : standardise_(t, name + ".standardise"), pdg_(t.values<std::int64_t>(name + ".pdg")) {}

    int size() const { return int(standardise_.mean.size() + pdg_.size()); }

    void operator()(const Particle& particle, std::vector<float>& to) const {
        const auto& d = particle.direction;
        to = {std::log(particle.energy), d[2], std::sqrt(d[0] * d[0] + d[1] * d[1])};
        to.insert(to.end(), particle.conditions.begin(), particle.conditions.end());
        if (to.size() != standardise_.mean.size())
            throw std::invalid_argument(
                "conditions: got " + std::to_string(particle.conditions.size()) +
                " numbers, expected " + std::to_string(standardise_.mean.size() - 3));
        standardise_(to.data());
        bool known = false;
        for (const auto pdg : pdg_) {
            const bool same = pdg != 0 && pdg == particle.pdg;
            to.push_back(same ? 1.0f : 0.0f);
            known = known || same;
        }
        if (!known)
            throw std::invalid_argument("pdg: got " + std::to_string(particle.pdg) +
                                        ", which the generator is not trained on");
    }

  private:
    Standardise standardise_;
    std::vector<std::int64_t> pdg_;
};

class Generator {
  public:
    // Throws std::runtime_error, one line, where the file is missing or damaged.
    explicit Generator(const std::string& file) try : Generator(read_safetensors(file)) {
    } catch (const std::exception& error) {
        throw std::runtime_error(file + ": missing or damaged (" + error.what() +
                                 "); export again");
    }

    // What a thread needs for itself.
    struct Scratch {
        explicit Scratch(const Generator& generator) : engine(generator.engine_) {}
        Engine::Scratch engine;
        std::vector<float> axis, condition, latent, energies, points;
        std::vector<std::int64_t> counts, cell, layer;
    };

    // The hits of a shower, in rising order of cells. It is the same one whenever seed, number and
    // particle are; near an edge of the detector it keeps all of its energy, on fewer cells. False,
    // and no hits, where a layer has more than 2000 hits, or more than it has cells. Throws
    // std::invalid_argument for a particle that makes no sense.
    bool operator()(const Particle& particle, std::int64_t seed, std::int64_t number,
                    std::vector<Hit>& hits, Scratch& s) const {
        hits.clear();
        check(particle);
        const Noise noise = Noise::of_shower(seed, number);
        const auto& d = particle.direction;
        const auto& z = engine_.z();
        s.axis.resize(2 * z.size());
        for (std::size_t l = 0; l < z.size(); ++l)
            for (int k : {0, 1})
                s.axis[2 * l + k] =
                    particle.position[k] + d[k] / d[2] * (z[l] - particle.position[2]);
        s.counts.resize(z.size()), s.energies.resize(z.size());
        float own[4];
        profile_(particle, s.condition);
        const ProfileModel::Wanted wanted{noise,           particle.energy,   s.condition.data(),
                                          s.axis.data(),   s.counts.data(),   s.energies.data(),
                                          own};
        engine_.profiles(&wanted, 1, profile_.size(), s.engine);
        draw_latent(noise, s.latent);
        context_(particle, s.condition);
        const float sine = std::sqrt(d[0] * d[0] + d[1] * d[1]);
        const bool tilted = sine > NORMAL_SINE;
        const Incident shower{noise,
                              s.condition.data(),
                              s.latent.data(),
                              s.axis.data(),
                              tilted ? d[0] / sine : 1.0f,
                              tilted ? d[1] / sine : 0.0f,
                              d[2],
                              s.counts.data(),
                              s.energies.data(),
                              own};
        std::int64_t number_of_hits = 0;
        for (const auto count : s.counts) number_of_hits += count;
        s.cell.resize(number_of_hits), s.layer.resize(number_of_hits);
        s.points.resize(4 * number_of_hits);
        if (!engine_.shower(shower, s.cell.data(), s.layer.data(), s.points.data(), s.engine))
            return false;
        for (std::int64_t i = 0; i < number_of_hits; ++i) {
            const float* p = &s.points[4 * i];
            hits.push_back({s.layer[i], s.cell[i], p[0], p[1], p[2], p[3]});
        }
        return true;
    }

  private:
    static constexpr float NORMAL_SINE = 1e-6f;

    explicit Generator(const Tensors& t)
        : engine_(t), profile_(t, "profile.condition"),
          context_(t, "generator.context.condition"), latents_(int(t.number("latent"))),
          latent_stream_(int(t.number("latent_stream"))), latent_centres_(t.values("latent_centres")), latent_spread_(t.values("latent_spread")) {}

    static void check(const Particle& particle) {
        const auto& d = particle.direction;
        const float length = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
        if (!(particle.energy > 0) || !std::isfinite(particle.energy))
            throw std::invalid_argument("energy: expected a positive number of MeV");
        if (!(std::fabs(length - 1) < 1e-3f) || !(std::fabs(d[2]) >= NORMAL_SINE))
            throw std::invalid_argument(
                "direction: expected a unit vector that crosses the layers");
        for (const float x : particle.position)
            if (!std::isfinite(x))
                throw std::invalid_argument("position: expected finite numbers of mm");
        for (const float x : particle.conditions)
            if (!std::isfinite(x)) throw std::invalid_argument("conditions: expected finite numbers");
    }

    // A normal number about one of the centres: as `draw_latent` of the model.
    void draw_latent(Noise noise, std::vector<float>& to) const {
        to.resize(latents_);
        const auto centres = latents_ ? latent_centres_.size() / latents_ : 0;
        const auto chosen =
            std::size_t(noise.uniform(latents_, latent_stream_) * float(centres));
        for (int k = 0; k < latents_; ++k)
            to[k] = latent_centres_[chosen * latents_ + k] +
                    latent_spread_[k] * noise.normal(k, latent_stream_);
    }

    Engine engine_;
    Condition profile_, context_;
    int latents_, latent_stream_;
    std::vector<float> latent_centres_, latent_spread_;
};

}  // namespace pointcalo
