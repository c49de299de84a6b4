// As many floats at once as the processor takes: exponentials and logarithms without branches, to
// about one unit in the last place (polynomials as in Cephes, S. L. Moshier). Longer vectors would
// be ten times slower: compilers take those apart number by number.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace pointcalo {

#if defined(__AVX512F__)
constexpr int LANES = 16, REGISTERS = 32;
#elif defined(__AVX__)
constexpr int LANES = 8, REGISTERS = 16;
#else  // SSE, NEON
constexpr int LANES = 4, REGISTERS = 16;
#endif
using Floats = float __attribute__((vector_size(4 * LANES)));
using Ints = std::int32_t __attribute__((vector_size(4 * LANES)));

inline Floats all(float x) { return x - Floats{}; }
inline Floats load(const float* from) {
    Floats x;
    std::memcpy(&x, from, sizeof x);
    return x;
}
inline void store(float* to, Floats x) { std::memcpy(to, &x, sizeof x); }
template <class T>
T smaller(T a, T b) {
    return a < b ? a : b;
}
template <class T>
T larger(T a, T b) {
    return a > b ? a : b;
}
inline Floats absolute(Floats x) { return larger(x, -x); }

inline Floats exp(Floats x) {
    x = smaller(larger(x, all(-87.0f)), all(88.0f));
    const Floats shift = all(12582912.0f);  // 1.5 * 2^23: rounds
    const Floats n = (x * 1.44269504f + shift) - shift;
    const Floats r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const Ints power = (__builtin_convertvector(n, Ints) + 127) << 23;
    Floats scale;
    std::memcpy(&scale, &power, sizeof scale);
    return p * scale;
}

// Of positive numbers.
inline Floats log(Floats x) {
    Ints bits;
    std::memcpy(&bits, &x, sizeof bits);
    Ints e = (bits >> 23) - 126;
    bits = (bits & 0x007fffff) | 0x3f000000;
    Floats m;
    std::memcpy(&m, &bits, sizeof m);  // 0.5 to 1
    const Ints low = m < 0.707106781f;  // -1 where true
    e += low;
    m = (low ? m + m : m) - 1.0f;
    const Floats z = m * m;
    Floats p = m * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    p = p * m * z;
    const Floats n = __builtin_convertvector(e, Floats);
    p += n * -2.12194440e-4f - 0.5f * z;
    return (m + p) + n * 0.693359375f;
}

inline Floats log1p(Floats x) { return log(1.0f + x); }  // of x >= 0, to 6e-8
inline Floats sigmoid(Floats x) { return 1.0f / (1.0f + exp(-x)); }
inline Floats tanh(Floats x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }
inline Floats softplus(Floats x) { return larger(x, Floats{}) + log1p(exp(-absolute(x))); }
inline Floats log_sigmoid(Floats x) { return -softplus(-x); }
inline Floats expm1(Floats x) {
    Floats p = x * (1.0f / 40320.0f) + 1.0f / 5040.0f;
    p = p * x + 1.0f / 720.0f;
    p = p * x + 1.0f / 120.0f;
    p = p * x + 1.0f / 24.0f;
    p = p * x + 1.0f / 6.0f;
    p = p * x + 0.5f;
    p = p * x * x + x;
    return absolute(x) < 0.4f ? p : exp(x) - 1.0f;
}
inline Floats square_root(Floats x) {
    float numbers[LANES];  // a loop that compilers make one instruction of
    store(numbers, x);
    for (int i = 0; i < LANES; ++i) numbers[i] = std::sqrt(numbers[i]);
    return load(numbers);
}

// Of the first n numbers, with room up to a multiple of LANES.
inline void log1p(float* x, int n) {
    for (int i = 0; i < n; i += LANES) store(x + i, log1p(load(x + i)));
}

// As std::log1p of x >= 0 to 6e-8, and several times faster.
inline float log1p(float x) { return std::log(1.0f + x); }
inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }
inline float log_sigmoid(float x) {
    return smaller(x, 0.0f) - log1p(std::exp(-std::fabs(x)));
}

}  // namespace pointcalo
