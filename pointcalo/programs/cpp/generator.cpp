// An exported generator as plain C functions, of batches on one or more threads.
#include <exception>
#include <memory>
#include <mutex>
#include <string>

#include "generator.hpp"
#include "parallel.hpp"

namespace {

using namespace pointcalo;

struct Handle {
    std::unique_ptr<Generator> generator;
    std::vector<std::vector<Hit>> showers;  // the last ones
    std::string error;
};

}  // namespace

extern "C" {

// Its error is empty where the file was read.
void* pointcalo_open(const char* file) {
    auto handle = std::make_unique<Handle>();
    try {
        handle->generator = std::make_unique<Generator>(std::string(file));
    } catch (const std::exception& error) {
        handle->error = error.what();
    }
    return handle.release();
}
void pointcalo_close(void* handle) { delete static_cast<Handle*>(handle); }
const char* pointcalo_error(void* handle) { return static_cast<Handle*>(handle)->error.c_str(); }

// Makes showers; the hits of shower i will be the rows ptr[i] to ptr[i + 1]. Returns -1, or the
// first shower that could not be made: because of what the error says or, where it is empty, of too
// many hits.
std::int64_t pointcalo_generate(void* handle, std::int64_t size, int threads, const float* energy,
                                const float* direction, const float* position,
                                const std::int64_t* pdg, const float* conditions, int number,
                                std::int64_t seed, std::int64_t first, std::int64_t* ptr) {
    auto& h = *static_cast<Handle*>(handle);
    h.error.clear(), h.showers.resize(size);
    std::int64_t failed = size;
    std::mutex mutex;
    in_parallel(size, threads, [&] {
        return [&, scratch = std::make_shared<Generator::Scratch>(*h.generator)](std::int64_t i) {
            const float *d = direction + 3 * i, *p = position + 3 * i, *c = conditions + number * i;
            std::string error;
            try {
                const Particle particle{
                    energy[i], {d[0], d[1], d[2]}, {p[0], p[1], p[2]}, pdg[i], {c, c + number}};
                if ((*h.generator)(particle, seed, first + i, h.showers[i], *scratch)) return;
            } catch (const std::exception& fault) {
                error = fault.what();
            }
            const std::lock_guard<std::mutex> lock(mutex);
            if (i < failed) failed = i, h.error = error;
        };
    });
    ptr[0] = 0;
    for (std::int64_t i = 0; i < size; ++i)
        ptr[i + 1] = ptr[i] + std::int64_t(h.showers[i].size());
    return failed < size ? failed : -1;
}

// The hits of the showers made last; points are rows of x, y, energy, time.
void pointcalo_hits(void* handle, std::int64_t* layer, std::int64_t* cell, float* points) {
    auto& h = *static_cast<Handle*>(handle);
    for (const auto& shower : h.showers)
        for (const auto& hit : shower) {
            *layer++ = hit.layer, *cell++ = hit.cell;
            for (const float x : {hit.x, hit.y, hit.energy, hit.time}) *points++ = x;
        }
    h.showers.clear();
}

}  // extern "C"
