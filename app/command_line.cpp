#include "polder/app/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "polder/app/commands/commands.h"
#include "polder/app/files.h"
#include "polder/app/toml.h"
#include "polder/app/trainer.h"
#include "polder/core/text.h"
#include "polder/nn/models/registry.h"

namespace polder::app {
namespace {

constexpr const char* kExamples = R"(
Examples:
  polder train --data spirals --model mlp --rule sam --rho 0.1 --epochs 20
  polder train --rule lets_sam --epochs 5 --label-noise 0.2
  polder train --resume runs/fashion_mnist-lenet-sam-seed1
  polder doctor --data spirals --model mlp --rule sam --rho 0.1
  polder compare --rules none sam:rho=0.1 lets_sam --seeds 5 --out runs/table
  polder verify --rule sam --device cpu
)";

std::string flag_name(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

/// What the flags of one sub-command say, in their order; applied once the TOML file is read.
struct Flags {
  std::vector<std::pair<const Field*, std::string>> fields;
  std::map<std::string, std::string> settings;
  std::vector<std::string> assignments;  // --set key=value
  std::string config_file;
  std::string resume_folder;
  bool resume = false;
  std::int64_t examined_steps = 50;  // doctor
};

bool is_flag(const Field& field) { return std::holds_alternative<bool Config::*>(field.target); }
bool is_list(const Field& field) {
  return std::holds_alternative<std::vector<std::string> Config::*>(field.target);
}

std::string help_of(const Field& field) {
  std::string help(field.help);
  std::vector<std::string> choices(field.choices.begin(), field.choices.end());
  if (field.name == "model") choices = nn::model_names();
  if (field.name == "rule") {
    choices = known_rules().names();
    choices.emplace_back("wasam_ before any of them");
  }
  return choices.empty() ? help : fmt::format("{}: {}", help, join(choices));
}

void add_field(CLI::App& command, const Field& field, Flags& flags) {
  const Field* row = &field;
  const std::string shown = field_text(Config{}, field);
  CLI::Option* option = nullptr;
  if (is_list(field)) {
    option = command.add_option_function<std::vector<std::string>>(
        flag_name(field.name),
        [row, &flags](const std::vector<std::string>& items) {
          flags.fields.emplace_back(row, join(items, " "));
        },
        help_of(field));
  } else {
    option = command.add_option_function<std::string>(
        flag_name(field.name),
        [row, &flags](const std::string& text) {
          flags.fields.emplace_back(row, text.empty() && is_flag(*row) ? "true" : text);
        },
        help_of(field));
    option->take_last();
    if (is_flag(field)) option->expected(0, 1);
  }
  option->group(std::string(field.group))->type_name(shown.empty() ? "" : "[" + shown + "]");
}

/// Rule settings that no field has the name of, each with the rules that know it.
std::map<std::string, std::pair<std::string, std::vector<std::string>>> rule_settings() {
  std::map<std::string, std::pair<std::string, std::vector<std::string>>> settings;
  for (const auto& entry : known_rules().entries()) {
    for (const auto& [name, value, help] : entry.parameters) {
      auto& [text, rules] = settings[name];
      if (text.empty()) text = help;
      rules.push_back(entry.name);
    }
  }
  for (const Field& field : fields()) settings.erase(std::string(field.name));
  return settings;
}

void add_rule_settings(CLI::App& command, Flags& flags) {
  command.add_option("--set", flags.assignments, "a setting of the rule: --set rho=0.1")
      ->type_name("KEY=VALUE")
      ->group("rule");
  for (const auto& [name, help] : rule_settings()) {
    const std::string key = name;
    command
        .add_option_function<std::string>(
            flag_name(name),
            [key, &flags](const std::string& value) { flags.settings[key] = value; }, help.first)
        ->take_last()
        ->group("rule settings (defaults depend on the rule)")
        ->type_name(" ");
  }
}

void add_common(CLI::App& command, Flags& flags) {
  command.get_formatter()->column_width(26);
  command.add_option("--config", flags.config_file, "TOML file with any of these keys")
      ->type_name("FILE");
  command
      .add_option_function<std::string>(
          "--resume",
          [&flags](const std::string& folder) {
            flags.resume = true;
            flags.resume_folder = folder;
          },
          "go on with the run in --out, or in this folder")
      ->expected(0, 1)
      ->type_name("[FOLDER]");
  command.allow_extras();
}

/// "--lr -1" as "--lr=-1": a negative number is a value, not an option.
std::vector<std::string> with_negative_values(const std::vector<std::string>& arguments) {
  std::vector<std::string> joined;
  for (const std::string& argument : arguments) {
    const bool negative =
        argument.size() > 1 && argument[0] == '-' &&
        (std::isdigit(static_cast<unsigned char>(argument[1])) != 0 || argument[1] == '.');
    const bool behind_option = !joined.empty() && joined.back().starts_with("--") &&
                               joined.back().find('=') == std::string::npos;
    if (negative && behind_option)
      joined.back() += "=" + argument;
    else
      joined.push_back(argument);
  }
  return joined;
}

[[noreturn]] void refuse(const CLI::App& command, const std::string& extra) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) names.push_back(option->get_name());
  const std::string word = extra.substr(0, extra.find('='));
  throw UsageError(fmt::format("{}: unknown option {}, did you mean {}?", command.get_name(), word,
                               nearest_name(word, names)));
}

Config config_from(const Flags& flags) {
  Config config;
  const fs::path kept = fs::path(flags.resume_folder) / "config.toml";
  if (!flags.resume_folder.empty()) {
    require(fs::exists(kept), "resume: {} holds no run", flags.resume_folder);
    read_toml(config, read_file(kept), kept.string());
    config.out = flags.resume_folder;
  }
  if (!flags.config_file.empty())
    read_toml(config, read_file(flags.config_file), flags.config_file);
  for (const auto& [field, text] : flags.fields) {
    // Another rule's settings mean nothing to this one.
    if (field->name == "rule" && parse_rule(text).name != config.rule) config.settings.clear();
    set_field(config, *field, text);
  }
  for (const auto& [name, value] : flags.settings) config.settings[name] = value;
  for (const std::string& text : flags.assignments) {
    const std::size_t equals = text.find('=');
    require(equals != std::string::npos && equals > 0, "set: found \"{}\", wanted setting=value",
            text);
    config.settings[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return config;
}

std::function<int()> print(const std::string& text) {
  return [text] {
    fmt::print("{}\n", text);
    return kGood;
  };
}

/// The program's options, and where CLI11 leaves what it finds.
struct CommandLine {
  CLI::App app{"Train neural networks with sharpness-aware minimization.", "polder"};
  CLI::App* train = nullptr;
  CLI::App* compare = nullptr;
  CLI::App* doctor = nullptr;
  std::vector<std::pair<CLI::App*, std::function<int()>>> others;
  Flags flags;

  CommandLine() {
    app.footer(kExamples);
    app.set_version_flag("--version", "polder 0.1.0");
    train = app.add_subcommand("train", "train a model with one rule");
    compare = app.add_subcommand("compare", "several rules, several seeds each, one table");
    doctor = app.add_subcommand("doctor", "try a training for some steps and say what is wrong");
    for (const Command& command : commands()) {
      CLI::App* options = app.add_subcommand(command.name, command.help);
      options->allow_extras();
      others.emplace_back(options, command.declare(*options));
    }
    for (CLI::App* command : {train, compare, doctor}) add_common(*command, flags);
    for (const Field& field : fields()) {
      const bool for_train = !field.comparison, for_compare = field.name != "rule";
      if (for_train) add_field(*train, field, flags);
      if (for_train) add_field(*doctor, field, flags);
      if (for_compare) add_field(*compare, field, flags);
    }
    for (CLI::App* command : {train, doctor}) add_rule_settings(*command, flags);
    doctor->add_option("--examine", flags.examined_steps, "steps that are made and looked at")
        ->type_name("[50]");
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Throws CLI11's errors.
  void parse(const std::vector<std::string>& arguments) {
    std::vector<std::string> backwards = with_negative_values(arguments);
    std::reverse(backwards.begin(), backwards.end());
    app.parse(backwards);
  }

  void require_no_extras() const {
    for (const CLI::App* used : app.get_subcommands())
      if (!used->remaining().empty()) refuse(*used, used->remaining().front());
  }

  /// What the parsed arguments ask for.
  std::function<int()> chosen() const {
    const auto used = app.get_subcommands();
    if (used.empty()) return print(app.help());
    require_no_extras();
    for (const auto& [options, run] : others)
      if (options->parsed()) return run;
    const Config config = config_from(flags);
    if (train->parsed())
      return [config, resume = flags.resume] { return polder::app::train(config, resume); };
    if (doctor->parsed())
      return [config, resume = flags.resume, steps = flags.examined_steps] {
        return polder::app::doctor(config, resume, steps);
      };
    return [config] { return polder::app::compare(config); };
  }
};

void require_known_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].starts_with("-")) return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), arguments[0]) != names.end()) return;
  throw UsageError(fmt::format("unknown command {}, did you mean {}?", arguments[0],
                               nearest_name(arguments[0], names)));
}

}  // namespace

std::function<int()> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  require_known_command(line.app, arguments);
  if (arguments.empty()) return print(line.app.help());
  try {
    line.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    const auto used = line.app.get_subcommands();
    return print((used.empty() ? line.app : *used.front()).help());
  } catch (const CLI::CallForVersion&) {
    return print(line.app.version());
  } catch (const CLI::ArgumentMismatch& problem) {
    const std::string sentence = problem.what();
    throw UsageError(fmt::format("{} wants a value", sentence.substr(0, sentence.find(':'))));
  } catch (const CLI::ParseError& problem) {
    throw UsageError(problem.what());
  }
  return line.chosen();
}

Config parse_train_options(const std::vector<std::string>& options) {
  std::vector<std::string> arguments = {"train"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  CommandLine line;
  try {
    line.parse(arguments);
  } catch (const CLI::ParseError& problem) {
    throw UsageError(problem.what());
  }
  line.require_no_extras();
  return config_from(line.flags);
}

}  // namespace polder::app
