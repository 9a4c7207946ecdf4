#pragma once

#include <string>
#include <vector>

#include "polder/app/metrics.h"
#include "polder/app/report/chart.h"

namespace polder::app {

/// A column of a record list over its epochs.
Series steps_series(const History& history, std::string name, double StepRecord::*value);
Series accuracy_series(const History& history, std::string name, Score EvaluationRecord::*set);
Series loss_series(const History& history, std::string name, Score EvaluationRecord::*set);
/// True when at least one point can be drawn.
bool has_points(const Series& series);

// The figures of one run; "" where the run has no such thing.
std::string loss_figure(const History& history);
std::string accuracy_figure(const History& history);
std::string radius_figure(const History& history);
std::string receipts_figure(const History& history);
std::string receipts_summary(const History& history);
std::string receipts_table(const History& history);
std::string gradient_figure(const History& history);
std::string sharpness_figure(const History& history);
std::string rate_figure(const History& history);

}  // namespace polder::app
