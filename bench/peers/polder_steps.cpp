#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "polder/app/files.h"
#include "polder/app/safetensors.h"
#include "polder/core/random.h"
#include "polder/nn/models/registry.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/registry.h"
#include "polder/optim/training_step.h"

// polder's side of the comparison with other libraries: `write` leaves a file with the weights and
// the batch before some steps and what the steps made of them, for others to repeat; `serve` runs
// steps when asked to, and says how long they took, so that programs can take turns.
namespace polder::peers {
namespace {

struct Options {
  std::string model = "resnet20";
  std::string activation;  // empty: the model's default
  std::string rule = "sam";
  std::string dtype = "float32";  // bfloat16: of what layers read; the weights are float32
  std::string device = "cpu";
  std::string out;
  std::int64_t batch = 8, height = 32, width = 32, channels = 3, classes = 10, steps = 3;
  std::uint64_t seed = 1;
  double rho = 0.05, rate = 0.1, momentum = 0.9, weight_decay = 5e-4;
};

DType weights_of(const Options& options) {
  return options.dtype == "float64" ? DType::float64 : DType::float32;
}

nn::Compute compute_of(const Options& options) {
  kernels::allow_tf32(options.dtype == "tf32");
  return options.dtype == "bfloat16" ? nn::Compute::bfloat16 : nn::Compute::own;
}

Batch random_batch(const Options& options, DType dtype, Device device) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < options.batch; ++i) labels.push_back(i % options.classes);
  const Shape images{options.batch, options.height, options.width, options.channels};
  Batch batch{.inputs = Tensor::empty(images, dtype, device),
              .targets = Tensor::from(labels, {options.batch}, device)};
  kernels::backend_of(batch.inputs)
      .random_normal(random_key(options.seed, "inputs"), 0.0, 1.0, batch.inputs);
  return batch;
}

std::unique_ptr<optim::Rule> make_rule(const Options& options, nn::ParameterArena& arena) {
  optim::Settings settings;
  if (options.rule != "none") settings.set("rho", fmt::format("{}", options.rho));
  return optim::built_in_rules().make(options.rule, settings, arena);
}

/// A model under training on one batch that never changes.
class Training {
 public:
  explicit Training(const Options& options)
      : device_(parse_device(options.device)),
        dtype_(weights_of(options)),
        batch_(random_batch(options, dtype_, device_)),
        model_(nn::make_model(options.model, {options.height, options.width, options.channels},
                              options.classes,
                              {.seed = options.seed, .dtype = dtype_, .device = device_},
                              {.activation = options.activation})),
        arena_(*model_, compute_of(options)),
        objective_(*model_, arena_, optim::cross_entropy_loss(), options.seed),
        rule_(make_rule(options, arena_)),
        base_(optim::make_base_optimizer(
            "sgd", {.weight_decay = options.weight_decay, .momentum = options.momentum}, arena_)),
        step_(objective_, *rule_, *base_) {
    base_->set_rate(options.rate);
  }

  optim::StepReport run() { return step_.run(batch_, steps_++); }
  const Batch& batch() const { return batch_; }
  const nn::ParameterArena& arena() const { return arena_; }
  std::vector<nn::NamedTensor> buffers() const { return model_->buffers(); }

 private:
  Device device_;
  DType dtype_;
  Batch batch_;
  nn::ModulePtr model_;
  nn::ParameterArena arena_;
  optim::ModelObjective objective_;
  std::unique_ptr<optim::Rule> rule_;
  std::unique_ptr<optim::BaseOptimizer> base_;
  optim::TrainingStep step_;
  std::int64_t steps_ = 0;
};

Tensor host_copy(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::float32:
      return Tensor::from(tensor.to_vector<float>(), tensor.shape());
    case DType::float64:
      return Tensor::from(tensor.to_vector<double>(), tensor.shape());
    default:
      return Tensor::from(tensor.to_vector<std::int64_t>(), tensor.shape());
  }
}

void add_state(const Training& training, const std::string& when, app::Safetensors& file) {
  const nn::ParameterArena& arena = training.arena();
  for (const nn::Segment& segment : arena.segments())
    file.tensors.push_back({when + segment.name, host_copy(arena.part(arena.home(), segment))});
  for (const nn::NamedTensor& buffer : training.buffers())
    file.tensors.push_back({when + buffer.name, host_copy(buffer.tensor)});
}

/// The file: inputs, labels; before/NAME and after/NAME of every weight and running statistic;
/// loss, perturbed_loss and gradient_norm of each step; the settings as metadata.
void write(const Options& options) {
  Training training(options);
  app::Safetensors file;
  file.tensors.push_back({"inputs", host_copy(training.batch().inputs)});
  file.tensors.push_back({"labels", host_copy(training.batch().targets)});
  add_state(training, "before/", file);
  std::vector<double> losses, perturbed, norms;
  for (std::int64_t i = 0; i < options.steps; ++i) {
    const optim::StepReport report = training.run();
    losses.push_back(report.loss.item());
    if (!report.perturbed) continue;
    perturbed.push_back(report.perturbed_loss.item());
    norms.push_back(report.gradient_norm.item());
  }
  add_state(training, "after/", file);
  const auto add_values = [&](const char* name, const std::vector<double>& values) {
    file.tensors.push_back({name, Tensor::from(values, {std::ssize(values)})});
  };
  add_values("loss", losses);
  add_values("perturbed_loss", perturbed);
  add_values("gradient_norm", norms);
  file.metadata = {{"model", options.model},
                   {"rule", options.rule},
                   {"device", options.device},
                   {"dtype", options.dtype},
                   {"steps", fmt::format("{}", options.steps)},
                   {"rho", fmt::format("{}", options.rho)},
                   {"rate", fmt::format("{}", options.rate)},
                   {"momentum", fmt::format("{}", options.momentum)},
                   {"weight_decay", fmt::format("{}", options.weight_decay)},
                   {"seed", fmt::format("{}", options.seed)}};
  app::write_file_atomically(options.out, app::to_safetensors(file));
}

/// Answers "ready" and then each line with a number n on standard input, after n steps, by their
/// seconds on the clock and of the processor. Ends with the input.
void serve(const Options& options) {
  Training training(options);
  fmt::print("ready\n");
  std::fflush(stdout);
  for (std::int64_t n = 0; std::cin >> n;) {
    const std::clock_t processor = std::clock();
    const auto start = std::chrono::steady_clock::now();
    optim::StepReport report;
    for (std::int64_t i = 0; i < n; ++i) report = training.run();
    if (report.loss.defined()) report.loss.item();  // waits for the device
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print("{} {}\n", seconds.count(),
               static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC);
    std::fflush(stdout);
  }
}

void add_options(CLI::App& command, Options& options) {
  command.add_option("--model", options.model);
  command.add_option("--activation", options.activation);
  command.add_option("--rule", options.rule);
  command.add_option("--dtype", options.dtype)
      ->check(CLI::IsMember({"float32", "float64", "tf32", "bfloat16"}));
  command.add_option("--device", options.device);
  command.add_option("--batch", options.batch)->check(CLI::PositiveNumber);
  command.add_option("--height", options.height);
  command.add_option("--width", options.width);
  command.add_option("--channels", options.channels);
  command.add_option("--classes", options.classes);
  command.add_option("--seed", options.seed);
  command.add_option("--rho", options.rho);
  command.add_option("--rate", options.rate);
  command.add_option("--momentum", options.momentum);
  command.add_option("--weight-decay", options.weight_decay);
}

}  // namespace
}  // namespace polder::peers

int main(int count, char** arguments) {
  polder::peers::Options options;
  CLI::App program("Training steps of polder, to be compared with those of other libraries");
  program.require_subcommand(1);
  CLI::App* write = program.add_subcommand("write", "Makes steps and writes what they did");
  CLI::App* serve = program.add_subcommand("serve", "Runs n steps for each n read, and times them");
  for (CLI::App* command : {write, serve}) polder::peers::add_options(*command, options);
  write->add_option("--steps", options.steps)->check(CLI::PositiveNumber);
  write->add_option("--out", options.out, "Where the safetensors go")->required();
  CLI11_PARSE(program, count, arguments);
  try {
    *write ? polder::peers::write(options) : polder::peers::serve(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "polder_steps: {}\n", error.what());
    return 1;
  }
  return 0;
}
