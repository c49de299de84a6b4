// Generators of format=torchscript, run by LibTorch.
#include <ATen/Parallel.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include "backend.hpp"
#include "description.hpp"

namespace pointcalo {

namespace {

// What LibTorch keeps for each thread. Its optimiser works for seconds on each new size.
struct Settings {
  Settings() { at::set_num_threads(1); }
  c10::InferenceMode no_gradients;
  torch::jit::GraphOptimizerEnabledGuard optimiser{false};
};

torch::jit::Module loaded(const std::filesystem::path& path) {
  try {
    return torch::jit::load(path.string(), torch::kCPU);
  } catch (const std::exception&) {
    throw Mistake(path.string() + ": missing, damaged or no TorchScript program; export again");
  }
}

template <typename Number>
std::vector<Number> numbers(const c10::IValue& value) {
  const auto tensor = value.toTensor().contiguous();
  const Number* first = tensor.data_ptr<Number>();
  return {first, first + tensor.numel()};
}

// The last line of a message: LibTorch puts its traceback before it.
std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text.substr(text.find_last_of('\n') + 1);
}

// One module serves all threads: calls of the program only read it, random numbers follow from seed
// and shower, and LibTorch locks what it prepares at a first call.
class TorchScript : public Backend {
 public:
  explicit TorchScript(const std::filesystem::path& path)
      : module_(loaded(path)), program_(module_.get_method("forward")) {}

  Showers generated(const Request& request) const override {
    const Settings settings;
    const auto rows = [&](const std::vector<double>& row) {
      return torch::tensor(row, torch::kFloat).repeat({request.size, 1});
    };
    const auto& d = request.direction;
    const auto& p = request.position;
    try {
      const auto outputs = program_(
          {torch::full({request.size}, 1e3 * request.energy_GeV, torch::kFloat),
           rows({d[0], d[1], d[2]}), rows({p[0], p[1], 0.0}),
           torch::full({request.size}, request.pdg, torch::kLong),
           rows(request.conditions), torch::tensor(request.seed, torch::kLong),
           torch::tensor(request.first, torch::kLong)});
      const auto& parts = outputs.toTupleRef().elements();
      return {numbers<std::int64_t>(parts.at(0)), numbers<std::int64_t>(parts.at(1)),
              numbers<std::int64_t>(parts.at(2)), numbers<float>(parts.at(3))};
    } catch (const c10::Error& error) {
      throw Mistake(last_line(error.what_without_backtrace()));
    } catch (const std::exception& error) {
      throw Mistake(last_line(error.what()));
    }
  }

 private:
  torch::jit::Module module_;
  torch::jit::Method program_;
};

}  // namespace

std::unique_ptr<Backend> open_torchscript(const std::filesystem::path& program) {
  return std::make_unique<TorchScript>(program);
}

}  // namespace pointcalo
