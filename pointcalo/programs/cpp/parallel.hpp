// Work that is shared out among threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace pointcalo {

// Calls what make() gives with all numbers below the size; each thread makes a worker of its own.
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

}  // namespace pointcalo
