#include "polder/app/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "polder/app/domains.h"
#include "polder/core/error.h"
#include "polder/core/text.h"

namespace polder::app {
namespace {

constexpr double kMost = 9e15;  // whole numbers up to here are exact in a double

constexpr FieldRange kCount{0, kMost}, kPositive{1, kMost}, kFraction{0, 1, true}, kReal{0, 1e30};

Field row(std::string_view name, FieldTarget target, std::string_view help, FieldRange range = {}) {
  return {.name = name, .group = "", .target = target, .help = help, .range = range};
}

Field choice(std::string_view name, FieldTarget target, std::string_view help,
             std::vector<std::string_view> choices) {
  Field field = row(name, target, help);
  field.choices = std::move(choices);
  return field;
}

/// A continued run may change it.
Field changeable(Field field) {
  field.free_on_resume = true;
  return field;
}

std::vector<Field> data_fields() {
  return {
      choice("data", &Config::data, "data set",
             {"fashion_mnist", "cifar10", "cifar100", "spirals"}),
      changeable(row("data_dir", &Config::data_dir,
                     "folder of its files; empty: where the system has them")),
      row("train_size", &Config::train_size, "training samples, stratified; 0: all", kCount),
      row("test_size", &Config::test_size, "test samples, stratified; 0: all", kCount),
      row("validation", &Config::validation, "held-out share of the training samples", kFraction),
      row("label_noise", &Config::label_noise, "share of training labels made wrong", {0, 1}),
      choice("label_noise_kind", &Config::label_noise_kind, "which wrong label",
             {"symmetric", "asymmetric"}),
      choice("augment", &Config::augment, "what happens to training images",
             {"none", "flip", "crop_flip", "crop_flip_cutout"}),
      row("domains", &Config::domains,
          "angles by which images are rotated, a domain each, as in 0,15,30; empty: none"),
      row("leave_out", &Config::leave_out,
          "the domain that is tested and not trained on; empty: all are both"),
  };
}

std::vector<Field> model_fields() {
  return {
      row("model", &Config::model, "architecture"),
      row("activation", &Config::activation,
          "relu, gelu, tanh, sigmoid (mlp, lenet, resnet*); empty: as published"),
      row("label_smoothing", &Config::label_smoothing, "mass moved off the label", kFraction),
      choice("precision", &Config::precision, "of products; bfloat16: of weights and activations",
             {"float32", "tf32", "bfloat16"}),
  };
}

std::vector<Field> rule_fields() {
  return {
      row("rule", &Config::rule, "which gradient the optimizer sees, as in sam or sam:rho=0.1")};
}

std::vector<Field> optimizer_fields() {
  return {
      choice("optimizer", &Config::optimizer, "base optimizer",
             {"sgd", "adam", "adamw", "amsgrad"}),
      row("lr", &Config::lr, "learning rate", kReal),
      row("momentum", &Config::momentum, "of sgd", kFraction),
      row("nesterov", &Config::nesterov, "look ahead along the momentum (sgd)"),
      row("beta1", &Config::beta1, "decay of the first moment (adam, adamw, amsgrad)", kFraction),
      row("beta2", &Config::beta2, "decay of the second moment (adam, adamw, amsgrad)", kFraction),
      row("weight_decay", &Config::weight_decay, "pull towards zero", kReal),
      row("clip", &Config::clip, "largest gradient norm; 0: none", kReal),
      choice("schedule", &Config::schedule, "of the learning rate",
             {"constant", "step", "cosine", "linear"}),
      row("warmup", &Config::warmup, "steps of linear warm-up", kCount),
  };
}

std::vector<Field> length_fields() {
  return {
      changeable(row("epochs", &Config::epochs, "passes over the training samples", kPositive)),
      changeable(row("steps", &Config::steps, "training steps; 0: as epochs says", kCount)),
      choice("budget", &Config::budget,
             "what every rule gets the same of; the schedule stretches over it",
             {"steps", "evaluations", "seconds"}),
      row("budget_size", &Config::budget_size,
          "evaluations or seconds of a run; 0: what plain steps would spend", kReal),
      row("batch", &Config::batch, "samples a step", kPositive),
      row("micro_batch", &Config::micro_batch, "samples a pass; 0: the whole batch", kCount),
  };
}

std::vector<Field> run_fields() {
  return {
      row("seed", &Config::seed, "of every random number", kCount),
      changeable(row("threads", &Config::threads, "processor threads; 0: all", {0, 4096})),
      changeable(row("device", &Config::device, "where to compute: cpu, cuda:0, ...")),
      changeable(
          row("out", &Config::out, "run folder; empty: runs/ and a name made of the choices")),
      row("eval_every", &Config::eval_every, "steps between evaluations; 0: an epoch", kCount),
      changeable(row("checkpoint_every", &Config::checkpoint_every,
                     "steps between checkpoints; 0: an epoch", kCount)),
      row("receipts_every", &Config::receipts_every,
          "steps between receipts of the hypergradient; 0: none", kCount),
      row("record_every", &Config::record_every, "steps between lines in metrics.jsonl", kPositive),
  };
}

std::vector<Field> comparison_fields() {
  std::vector<Field> all = {
      row("rules", &Config::rules, "the rules, the first is the yardstick"),
      row("seeds", &Config::seeds, "runs of each rule, seeds counted up from --seed", {1, 1000}),
      row("jobs", &Config::jobs, "runs at a time; 0: as many as cores, one thread each", {0, 4096}),
  };
  for (Field& field : all) field.comparison = field.free_on_resume = true;
  return all;
}

std::vector<Field> make_fields() {
  std::vector<Field> all;
  const auto add = [&](std::string_view group, std::vector<Field> group_fields) {
    for (Field& field : group_fields) {
      field.group = group;
      all.push_back(std::move(field));
    }
  };
  add("data", data_fields());
  add("model", model_fields());
  add("rule", rule_fields());
  add("optimizer", optimizer_fields());
  add("length", length_fields());
  add("run", run_fields());
  add("comparison", comparison_fields());
  return all;
}

std::string wanted_numbers(const FieldRange& range) {
  if (range.high >= 1e15) return fmt::format("at least {}", range.low);
  return fmt::format("in [{}, {}{}", range.low, range.high, range.open ? ")" : "]");
}

template <class T>
T parse_number(const Field& field, const std::string& text, std::string_view kind) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto as_double = static_cast<double>(value);
  const bool read = problem == std::errc{} && end == text.data() + text.size();
  const bool inside =
      read && as_double >= field.range.low &&
      (field.range.open ? as_double < field.range.high : as_double <= field.range.high);
  require(inside, "{}: found \"{}\", wanted {} {}", field.name, text, kind,
          wanted_numbers(field.range));
  return value;
}

bool parse_flag(const Field& field, const std::string& text) {
  require(text == "true" || text == "false", "{}: found \"{}\", wanted true or false", field.name,
          text);
  return text == "true";
}

std::string parse_text(const Field& field, const std::string& text) {
  if (field.choices.empty()) return text;
  const std::vector<std::string> choices(field.choices.begin(), field.choices.end());
  require(std::find(choices.begin(), choices.end(), text) != choices.end(),
          "{}: unknown \"{}\", did you mean {}? There are: {}", field.name, text,
          nearest_name(text, choices), join(choices));
  return text;
}

}  // namespace

const std::vector<Field>& fields() {
  static const std::vector<Field> table = make_fields();
  return table;
}

const Field& find_field(std::string_view name) {
  const std::vector<Field>& table = fields();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Field& field) { return field.name == name; });
  if (found != table.end()) return *found;
  std::vector<std::string> names;
  for (const Field& field : table) names.emplace_back(field.name);
  fail("unknown key \"{}\", did you mean {}?", name, nearest_name(name, names));
}

void set_field(Config& config, const Field& field, const std::string& text) {
  struct Setter {
    Config& config;
    const Field& field;
    const std::string& text;
    void operator()(std::string Config::*to) const { config.*to = parse_text(field, text); }
    void operator()(std::int64_t Config::*to) const {
      config.*to = parse_number<std::int64_t>(field, text, "a whole number");
    }
    void operator()(double Config::*to) const {
      config.*to = parse_number<double>(field, text, "a number");
    }
    void operator()(bool Config::*to) const { config.*to = parse_flag(field, text); }
    void operator()(std::vector<std::string> Config::*to) const { config.*to = split(text, ' '); }
  };
  std::visit(Setter{config, field, text}, field.target);
}

std::string field_text(const Config& config, const Field& field) {
  struct Getter {
    const Config& config;
    std::string operator()(std::string Config::*from) const { return config.*from; }
    std::string operator()(std::int64_t Config::*from) const {
      return fmt::to_string(config.*from);
    }
    std::string operator()(double Config::*from) const { return fmt::to_string(config.*from); }
    std::string operator()(bool Config::*from) const { return config.*from ? "true" : "false"; }
    std::string operator()(std::vector<std::string> Config::*from) const {
      return join(config.*from, " ");
    }
  };
  return std::visit(Getter{config}, field.target);
}

RuleSpec parse_rule(const std::string& text) {
  const std::size_t colon = text.find(':');
  RuleSpec spec{text.substr(0, colon), {}};
  require(!spec.name.empty(), "rule: found \"{}\", wanted a name such as sam or sam:rho=0.1", text);
  if (colon == std::string::npos) return spec;
  for (const std::string& part : split(text.substr(colon + 1), ',')) {
    const std::size_t equals = part.find('=');
    require(equals != std::string::npos && equals > 0,
            "rule: found \"{}\" in \"{}\", wanted setting=value", part, text);
    const bool fresh =
        spec.settings.emplace(part.substr(0, equals), part.substr(equals + 1)).second;
    require(fresh, "rule: \"{}\" appears twice in \"{}\"", part.substr(0, equals), text);
  }
  return spec;
}

std::string to_string(const RuleSpec& spec) {
  std::string text = spec.name;
  char separator = ':';
  for (const auto& [name, value] : spec.settings) {
    text += fmt::format("{}{}={}", separator, name, value);
    separator = ',';
  }
  return text;
}

void require_consistent(const Config& config) {
  require(config.micro_batch <= config.batch,
          "micro_batch: found {}, wanted at most the batch of {}", config.micro_batch,
          config.batch);
  require(config.budget != "steps" || config.budget_size == 0.0,
          "budget_size: found {}, but a budget of steps is set by steps or epochs",
          config.budget_size);
  require(!config.nesterov || config.momentum > 0.0,
          "nesterov: looks ahead along the momentum, but momentum is 0");
  domains_of(config);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  for (const char letter : text + separator) {
    if (letter != separator) {
      part += letter;
    } else if (!part.empty()) {
      parts.push_back(std::exchange(part, {}));
    }
  }
  return parts;
}

std::vector<std::string> fixed_differences(const Config& a, const Config& b) {
  std::vector<std::string> names;
  for (const Field& field : fields())
    if (!field.free_on_resume && field_text(a, field) != field_text(b, field))
      names.emplace_back(field.name);
  if (a.settings != b.settings) names.emplace_back("settings");
  return names;
}

}  // namespace polder::app
