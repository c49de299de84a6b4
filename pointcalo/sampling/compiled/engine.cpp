// Profiles and showers of a trained cell generator on one or more threads; plain C functions.
#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "energies.hpp"

namespace {

using namespace pointcalo;

struct Engine {
    explicit Engine(const Tensors& t)
        : lattices(t), profile(t, lattices), context(t, lattices), lighting(t, lattices),
          energies(t, lattices, lighting), z(t.values("layer_z")),
          threshold(t.values("layer_threshold")) {}

    Lattices lattices;
    ProfileModel profile;
    LayerContext context;
    Lighting lighting;
    Energies energies;
    std::vector<float> z, threshold;
};

struct Handle {
    Tensors tensors;
    std::unique_ptr<Engine> engine;
    std::string error;
};

// Calls what(number) for all numbers, each thread with a worker of its own.
template <class Make>
void in_parallel(std::int64_t size, int threads, Make make) {
    std::atomic<std::int64_t> next{0};
    auto run = [&] {
        auto work = make();
        for (std::int64_t i = next++; i < size; i = next++) work(i);
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads && t < size; ++t) others.emplace_back(run);
    run();
    for (auto& other : others) other.join();
}

}  // namespace

extern "C" {

void* pointcalo_new() { return new Handle; }
void pointcalo_delete(void* handle) { delete static_cast<Handle*>(handle); }
void pointcalo_add(void* handle, const char* name, const double* values, const std::int64_t* shape,
                   int dimensions) {
    static_cast<Handle*>(handle)->tensors.add(name, values, {shape, shape + dimensions});
}
// Null, or what is wrong.
const char* pointcalo_build(void* handle) {
    auto& h = *static_cast<Handle*>(handle);
    try {
        h.engine = std::make_unique<Engine>(h.tensors);
        h.tensors = Tensors();
        return nullptr;
    } catch (const std::exception& error) {
        h.error = error.what();
        return h.error.c_str();
    }
}

void pointcalo_profiles(void* handle, std::int64_t size, int threads, const std::int64_t* key,
                        const float* energy, const float* condition, int conditions,
                        const float* axis, std::int64_t* counts, float* energies, float* own,
                        std::uint8_t* done) {
    const Engine& engine = *static_cast<Handle*>(handle)->engine;
    const std::int64_t layers = engine.lattices.num_layers;
    in_parallel(size, threads, [&] {
        return [&, scratch = ProfileModel::Scratch()](std::int64_t i) mutable {
            done[i] = engine.profile.sample(Noise(key[i]), energy[i], condition + i * conditions,
                                            conditions, axis + 2 * i * layers, counts + i * layers,
                                            energies + i * layers, own + 4 * i, scratch);
        };
    });
}

// Hits of shower i go to the rows from ptr[i] on: as many as its profile has.
void pointcalo_showers(void* handle, std::int64_t size, int threads, const std::int64_t* key,
                       const float* condition, int conditions, const float* latent, int latents,
                       const float* axis, const float* tilt, const float* cosine,
                       const std::int64_t* counts, const float* energies, const float* own,
                       const std::int64_t* ptr, std::int64_t* cell, std::int64_t* layer,
                       float* points, std::uint8_t* done) {
    const Engine& engine = *static_cast<Handle*>(handle)->engine;
    const std::int64_t layers = engine.lattices.num_layers;
    struct Scratch {
        explicit Scratch(const Lattices& lattices) : lighting(lattices) {}
        Budget budget;
        LayerContext::Scratch context;
        Lighting::Scratch lighting;
        Energies::Scratch energies;
    };
    in_parallel(size, threads, [&] {
        auto scratch = std::make_shared<Scratch>(engine.lattices);
        return [&, scratch](std::int64_t i) {
            auto& s = *scratch;
            const Incident shower{Noise(key[i]),       condition + i * conditions,
                                  latent + i * latents, axis + 2 * i * layers,
                                  tilt[2 * i],          tilt[2 * i + 1],
                                  cosine[i],            counts + i * layers,
                                  energies + i * layers, own + 4 * i};
            s.budget.begin(shower, engine.z, engine.threshold);
            const float* context = engine.context(shower, s.budget, s.context);
            const int stride = engine.context.stride();
            done[i] = context && engine.lighting(shower, s.budget, context, stride, s.lighting);
            if (!done[i]) return;
            s.budget.begin(shower, engine.z, engine.threshold);
            engine.energies(shower, s.budget, context + stride / 2, stride, s.lighting, s.energies,
                            cell + ptr[i], layer + ptr[i], points + 4 * ptr[i]);
        };
    });
}

}  // extern "C"
