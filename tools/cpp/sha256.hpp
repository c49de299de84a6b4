// SHA-256 of a file: FIPS 180-4.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace pointcalo {

class Sha256 {
 public:
  void add(const std::string& bytes) {
    for (const char byte : bytes) push(static_cast<unsigned char>(byte));
  }

  std::string hexadecimal() {
    const std::uint64_t bits = 8 * size_;
    push(0x80);
    while (size_ % 64 != 56) push(0);
    for (int shift = 56; shift >= 0; shift -= 8) push((bits >> shift) & 0xff);
    std::string text;
    char word[9];
    for (const auto value : state_) {
      std::snprintf(word, sizeof word, "%08x", static_cast<unsigned>(value));
      text += word;
    }
    return text;
  }

 private:
  using Words = std::array<std::uint32_t, 64>;

  void push(unsigned char byte) {
    auto& word = block_[size_ % 64 / 4];
    word = word << 8 | byte;
    if (++size_ % 64 == 0) mix();
  }

  static std::uint32_t turned(std::uint32_t x, int by) { return x >> by | x << (32 - by); }

  // First 32 bits behind the point of the cube roots of the first 64 primes.
  static Words constants() {
    Words found{};
    int have = 0;
    for (int n = 2; have < 64; ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      const long double root = std::cbrt(static_cast<long double>(n));
      if (prime) found[have++] = static_cast<std::uint32_t>((root - std::floor(root)) * 0x1p32L);
    }
    return found;
  }

  void mix() {
    static const Words k = constants();
    Words w = block_;
    for (int i = 16; i < 64; ++i) {
      const auto a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) +
             (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
    }
    auto s = state_;
    for (int i = 0; i < 64; ++i) {
      const auto choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
      const auto majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
      const auto one =
          s[7] + (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) + choice + k[i] + w[i];
      const auto two = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) + majority;
      s = {one + two, s[0], s[1], s[2], s[3] + one, s[4], s[5], s[6]};
    }
    for (int i = 0; i < 8; ++i) state_[i] += s[i];
  }

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  Words block_{};
  std::uint64_t size_ = 0;
};

inline std::string sha256(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Sha256 sum;
  sum.add({std::istreambuf_iterator<char>(file), {}});
  return sum.hexadecimal();
}

}  // namespace pointcalo
