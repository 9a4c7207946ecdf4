#include "polder/app/toml.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <sstream>
#include <type_traits>

#include "polder/core/error.h"

namespace polder::app {
namespace {

constexpr std::string_view kSettings = "settings";

/// A scalar as the text a user would have written on the command line.
std::string scalar_text(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto whole = node.value_exact<std::int64_t>()) return fmt::to_string(*whole);
  if (const auto number = node.value_exact<double>()) return fmt::to_string(*number);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  fail("found a {}, wanted a text, a number, true or false",
       [&] { return (std::ostringstream() << node.type()).str(); }());
}

bool wants_text(const Field& field) {
  return std::holds_alternative<std::string Config::*>(field.target);
}
bool wants_list(const Field& field) {
  return std::holds_alternative<std::vector<std::string> Config::*>(field.target);
}

void read_list(Config& config, const Field& field, const toml::node& node) {
  const toml::array* list = node.as_array();
  require(list != nullptr, "{}: wanted a list of texts", field.name);
  std::vector<std::string> values;
  for (const toml::node& item : *list) {
    require(item.is_string(), "{}: wanted a list of texts", field.name);
    values.push_back(item.value_or(std::string()));
  }
  config.*std::get<std::vector<std::string> Config::*>(field.target) = values;
}

void read_field(Config& config, const Field& field, const toml::node& node) {
  if (wants_list(field)) return read_list(config, field, node);
  const std::string text = scalar_text(node);
  require(wants_text(field) == node.is_string(), "{}: found {}{}{}, wanted {}", field.name,
          node.is_string() ? "\"" : "", text, node.is_string() ? "\"" : "",
          wants_text(field) ? "a text in quotes" : "a bare number, true or false");
  set_field(config, field, text);
}

void read_settings(Config& config, const toml::node& node) {
  const toml::table* table = node.as_table();
  require(table != nullptr, "{}: wanted a table of the rule's settings", kSettings);
  for (const auto& [key, value] : *table)
    config.settings[std::string(key.str())] = scalar_text(value);
}

std::string quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\')
      quoted += fmt::format("\\{}", letter);
    else if (code < 0x20 || code == 0x7f)
      quoted += fmt::format("\\u{:04x}", code);
    else
      quoted += letter;
  }
  return quoted + "\"";
}

std::string toml_text(const Config& config, const Field& field) {
  if (wants_text(field)) return quoted(field_text(config, field));
  if (!wants_list(field)) return field_text(config, field);
  std::string list;
  for (const std::string& item : config.*std::get<std::vector<std::string> Config::*>(field.target))
    list += (list.empty() ? "" : ", ") + quoted(item);
  return "[" + list + "]";
}

}  // namespace

void read_toml(Config& config, const std::string& text, const std::string& source) {
  toml::table table;
  try {
    table = toml::parse(text, source);
  } catch (const toml::parse_error& problem) {
    fail("{}: line {}: {}", source, problem.source().begin.line, problem.description());
  }
  for (const auto& [key, node] : table) {
    try {
      if (key.str() == kSettings)
        read_settings(config, node);
      else
        read_field(config, find_field(key.str()), node);
    } catch (const Error& problem) {
      fail("{}: line {}: {}", source, key.source().begin.line, problem.what());
    }
  }
}

std::string to_toml(const Config& config, bool comparison) {
  std::string text;
  std::string_view group;
  for (const Field& field : fields()) {
    if (field.comparison && !comparison) continue;
    if (comparison && (field.name == "rule" || field.name == "out")) continue;
    if (field.group != group)
      text += fmt::format("{}# {}\n", group.empty() ? "" : "\n", field.group);
    group = field.group;
    const std::string line = fmt::format("{} = {}", field.name, toml_text(config, field));
    text += fmt::format("{:<32}  # {}\n", line, field.help);
  }
  if (comparison || config.settings.empty()) return text;
  text += "\n[settings]\n";
  for (const auto& [name, value] : config.settings)
    text += fmt::format("{} = {}\n", name, quoted(value));
  return text;
}

}  // namespace polder::app
