#pragma once

#include <string>

#include "polder/app/config.h"
#include "polder/app/files.h"
#include "polder/app/metrics.h"

namespace polder::app {

/// One run as one HTML page that needs nothing from elsewhere.
std::string run_report(const Config& config, const History& history, const RunResult& result);

/// Reads a finished run's folder and writes its report.html.
void write_run_report(const fs::path& folder);

}  // namespace polder::app
