// Entries of a file in the layout of safetensors, all of type F64.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensors.hpp"

namespace pointcalo {

// The head of such a file is JSON: {"NAME": {"dtype": "F64", "shape": [..], "data_offsets": [a, b]}}
// with the fields of an entry in any order.
class SafetensorsHead {
  public:
    struct Entry {
        std::string name, kind;
        std::vector<std::int64_t> shape, offsets;
    };
    explicit SafetensorsHead(const std::string& text) : text_(text) {}

    std::vector<Entry> entries() {
        std::vector<Entry> found;
        expect('{');
        while (!accept('}')) {
            if (!found.empty()) expect(',');
            found.push_back(entry());
        }
        return found;
    }

  private:
    Entry entry() {
        Entry entry;
        entry.name = string();
        expect(':'), expect('{');
        for (bool first = true; !accept('}'); first = false) {
            if (!first) expect(',');
            const std::string field = string();
            expect(':');
            if (field == "dtype") entry.kind = string();
            else if (field == "shape") entry.shape = numbers();
            else if (field == "data_offsets") entry.offsets = numbers();
            else throw std::runtime_error("unknown field " + field);
        }
        return entry;
    }
    std::string string() {
        expect('"');
        const auto end = text_.find_first_of("\"\\", at_);
        if (end == text_.npos || text_[end] != '"') throw std::runtime_error("a name is cut off");
        const std::string found = text_.substr(at_, end - at_);
        at_ = end + 1;
        return found;
    }
    std::vector<std::int64_t> numbers() {
        std::vector<std::int64_t> found;
        expect('[');
        while (!accept(']')) {
            if (!found.empty()) expect(',');
            skip();
            const auto end = text_.find_first_not_of("0123456789", at_);
            if (end == at_ || end == text_.npos || end - at_ > 18)
                throw std::runtime_error("expected a number");
            found.push_back(std::stoll(text_.substr(at_, end - at_)));
            at_ = end;
        }
        return found;
    }
    void skip() { at_ = std::min(text_.find_first_not_of(" \n\r\t", at_), text_.size()); }
    bool accept(char wanted) {
        skip();
        if (at_ == text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    void expect(char wanted) {
        if (!accept(wanted)) throw std::runtime_error(std::string("expected ") + wanted);
    }

    const std::string& text_;
    std::size_t at_ = 0;
};

// Throws std::runtime_error, what is wrong with the file.
inline Tensors read_safetensors(const std::string& path) {
    const auto fail = [](const std::string& why) { throw std::runtime_error(why); };
    std::ifstream file(path, std::ios::binary);
    unsigned char length[8];
    if (!file.read(reinterpret_cast<char*>(length), 8)) fail("it cannot be read");
    std::uint64_t size = 0;
    for (int i = 7; i >= 0; --i) size = size << 8 | length[i];
    if (size > (1u << 26)) fail("its head is too long");
    std::string text(size, ' ');
    if (!file.read(text.data(), std::streamsize(size))) fail("it is cut off");
    const std::string data{std::istreambuf_iterator<char>(file), {}};
    Tensors tensors;
    std::vector<double> values;
    for (const auto& entry : SafetensorsHead(text).entries()) {
        std::int64_t number = 1;
        for (const auto n : entry.shape) {
            if (n && number > std::int64_t(data.size()) / n) fail(entry.name + " is too large");
            number *= n;
        }
        const auto& at = entry.offsets;
        if (entry.kind != "F64" || at.size() != 2 || at[0] > at[1] ||
            at[1] > std::int64_t(data.size()) || at[1] - at[0] != 8 * number)
            fail(entry.name + " has another type or size");
        values.resize(number);
        std::memcpy(values.data(), data.data() + at[0], 8 * number);
        tensors.add(entry.name, values.data(), entry.shape);
    }
    return tensors;
}

}  // namespace pointcalo
