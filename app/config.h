#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace polder::app {

/// Everything a run is made of. The defaults are these initial values.
struct Config {
  // data
  std::string data = "fashion_mnist";
  std::string data_dir;
  std::int64_t train_size = 0;
  std::int64_t test_size = 0;
  double validation = 0.1;
  double label_noise = 0.0;
  std::string label_noise_kind = "symmetric";
  std::string augment = "none";
  std::string domains;
  std::string leave_out;

  // model
  std::string model = "lenet";
  std::string activation;
  double label_smoothing = 0.0;
  std::string precision = "float32";

  // rule
  std::string rule = "sam";
  std::map<std::string, std::string> settings;  // the rule's hyper-parameters

  // base optimizer
  std::string optimizer = "sgd";
  double lr = 0.05;
  double momentum = 0.9;
  bool nesterov = false;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double weight_decay = 5e-4;
  double clip = 0.0;
  std::string schedule = "cosine";
  std::int64_t warmup = 0;

  // length
  std::int64_t epochs = 10;
  std::int64_t steps = 0;
  std::string budget = "steps";
  double budget_size = 0.0;
  std::int64_t batch = 128;
  std::int64_t micro_batch = 0;

  // run
  std::int64_t seed = 1;
  std::int64_t threads = 0;
  std::string device = "cpu";
  std::string out;
  std::int64_t eval_every = 0;
  std::int64_t checkpoint_every = 0;
  std::int64_t receipts_every = 0;
  std::int64_t record_every = 10;

  // comparison
  std::vector<std::string> rules = {"none", "sam", "asam", "lets_sam"};
  std::int64_t seeds = 3;
  std::int64_t jobs = 0;

  bool operator==(const Config&) const = default;
};

/// Where a field's text lands.
using FieldTarget = std::variant<std::string Config::*, std::int64_t Config::*, double Config::*,
                                 bool Config::*, std::vector<std::string> Config::*>;

/// Numbers a field accepts: [low, high], or [low, high) where `open`.
struct FieldRange {
  double low = 0.0;
  double high = 0.0;
  bool open = false;
};

/// One row of the table that drives flags, TOML keys, resolved output, and complaints.
struct Field {
  std::string_view name;   // TOML key; the flag is --name with dashes
  std::string_view group;  // heading in the help and in config.toml
  FieldTarget target;
  std::string_view help;
  FieldRange range{};
  std::vector<std::string_view> choices{};
  bool free_on_resume = false;  // length, place and machine: a continued run may change them
  bool comparison = false;      // read by `polder compare` alone
};

const std::vector<Field>& fields();
/// Throws Error naming the nearest known key.
const Field& find_field(std::string_view name);

/// Reads a field's value from text. Throws Error naming the key, what was found and what was
/// wanted.
void set_field(Config& config, const Field& field, const std::string& text);
/// The value as text, in the shortest form that reads back as the same value.
std::string field_text(const Config& config, const Field& field);

/// "sam:rho=0.1,xi=0" as a name and its settings.
struct RuleSpec {
  std::string name;
  std::map<std::string, std::string> settings;
};
/// Throws Error on a missing name, a setting without "=", or one given twice.
RuleSpec parse_rule(const std::string& text);
/// Inverse of parse_rule: settings in alphabetical order.
std::string to_string(const RuleSpec& spec);

/// The parts between separators; empty ones are left out.
std::vector<std::string> split(const std::string& text, char separator);

/// Throws Error when fields contradict each other.
void require_consistent(const Config& config);

/// Names of the fields (rule settings included) in which two runs differ, those that a continued
/// run may change left out.
std::vector<std::string> fixed_differences(const Config& a, const Config& b);

}  // namespace polder::app
