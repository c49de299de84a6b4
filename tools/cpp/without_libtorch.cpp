// In place of torchscript_backend.cpp where there is no LibTorch.
#include "backend.hpp"

namespace pointcalo {

std::unique_ptr<Backend> open_torchscript(const std::filesystem::path&) { return nullptr; }

}  // namespace pointcalo
