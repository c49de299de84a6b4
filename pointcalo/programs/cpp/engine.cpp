// The engine as plain C functions: profiles and showers on one or more threads.
#include <exception>
#include <memory>
#include <string>

#include "engine.hpp"
#include "parallel.hpp"

namespace {

using namespace pointcalo;

struct Handle {
    Tensors tensors;
    std::unique_ptr<Engine> engine;
    std::string error;
};

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
                        const float* axis, std::int64_t* counts, float* energies, float* own) {
    const Engine& engine = *static_cast<Handle*>(handle)->engine;
    const std::int64_t layers = engine.num_layers();
    const std::int64_t groups = (size + MOST_ROWS - 1) / MOST_ROWS;
    in_parallel(groups, threads, [&] {
        return [&, scratch = std::make_shared<Engine::Scratch>(engine)](std::int64_t group) {
            std::vector<ProfileModel::Wanted> wanted;
            const std::int64_t first = group * MOST_ROWS, end = std::min(first + MOST_ROWS, size);
            for (std::int64_t i = first; i < end; ++i)
                wanted.push_back({Noise(key[i]), energy[i], condition + i * conditions,
                                  axis + 2 * i * layers, counts + i * layers,
                                  energies + i * layers, own + 4 * i});
            engine.profiles(wanted.data(), int(wanted.size()), conditions, *scratch);
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
    const std::int64_t layers = engine.num_layers();
    in_parallel(size, threads, [&] {
        return [&, scratch = std::make_shared<Engine::Scratch>(engine)](std::int64_t i) {
            const Incident shower{Noise(key[i]),       condition + i * conditions,
                                  latent + i * latents, axis + 2 * i * layers,
                                  tilt[2 * i],          tilt[2 * i + 1],
                                  cosine[i],            counts + i * layers,
                                  energies + i * layers, own + 4 * i};
            done[i] = engine.shower(shower, cell + ptr[i], layer + ptr[i], points + 4 * ptr[i],
                                    *scratch);
        };
    });
}

}  // extern "C"
