#pragma once

#include <string>

#include "polder/app/config.h"

namespace polder::app {

/// Overlays the keys of a TOML text on `config`: field names at the top level, the rule's
/// hyper-parameters in a table [settings]. `source` names the file in errors. Throws Error on
/// broken TOML (with the line), an unknown key (with the nearest known one) or a value of the wrong
/// type.
void read_toml(Config& config, const std::string& text, const std::string& source);

/// All fields with their help as comments; reads back as the same Config.
std::string to_toml(const Config& config, bool comparison);

}  // namespace polder::app
