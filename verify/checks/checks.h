#pragma once

#include "polder/verify/check.h"
#include "polder/verify/training.h"

/// The checks one by one, and what they share. What green means stands in verify/check.cpp.
namespace polder::verify {

// coming_home.cpp
Outcome comes_home(const Subject& subject);
Outcome survives_exceptions(const Subject& subject);
// passes.cpp
Outcome costs_what_is_published(const Subject& subject);
Outcome moves_statistics_once(const Subject& subject);
Outcome overwrites_gradient(const Subject& subject);
Outcome adds_up_micro_batches(const Subject& subject);
// edges.cpp
Outcome survives_zero_gradients(const Subject& subject);
Outcome survives_missing_gradients(const Subject& subject);
// bits.cpp
Outcome repeats_itself(const Subject& subject);
Outcome resumes(const Subject& subject);
// memory.cpp
Outcome asks_for_nothing(const Subject& subject);
Outcome holds_what_is_published(const Subject& subject);
// equality.cpp
Outcome has_its_identities(const Subject& subject);
Outcome is_the_base_at_radius_zero(const Subject& subject);
Outcome differs_from_none(const Subject& subject);
Outcome agrees_with_its_reference(const Subject& subject);
Outcome has_its_closed_form(const Subject& subject);
// radius.cpp
Outcome keeps_its_radius(const Subject& subject);
Outcome has_its_slope(const Subject& subject);
Outcome has_its_adjoint(const Subject& subject);
// hypergradient.cpp
Outcome descends_its_hypergradient(const Subject& subject);
// devices.cpp
Outcome ends_as_on_the_cpu(const Subject& subject);
Outcome can_be_recorded(const Subject& subject);
// whole.cpp
Outcome learns(const Subject& subject);
Outcome is_described(const Subject& subject);

/// Settings that show the rule at work.
inline optim::Settings trial_of(const optim::RuleEntry& entry) {
  return optim::Settings(entry.trial);
}

/// The small net under training by the subject, on its device.
inline Training train(const Subject& subject, NetOptions net = {},
                      const std::string& optimizer = "sgd", double clip = 0.0) {
  net.device = subject.device;
  return {subject.entry, trial_of(subject.entry), net, optimizer, clip};
}

/// The weights' bits after some steps of a rule.
std::vector<std::byte> trained(const Subject& subject, const optim::RuleEntry& entry,
                               const std::map<std::string, std::string>& settings, int steps = 20);

/// The weights of a network in which every family of kernels works, after some steps.
std::vector<double> trained_on_images(const Subject& subject);

/// How many bytes of two equally long strings differ.
double differing(const std::vector<std::byte>& found, const std::vector<std::byte>& wanted);
/// The largest |found - wanted| / (1 + |wanted|), infinite where one is not a number.
double distance(const std::vector<double>& found, const std::vector<double>& wanted);
double largest_size(const std::vector<double>& values);

/// Sentence of a report that is not finite, or of weights that are not; empty when all are.
std::string not_finite(const optim::StepReport& report, Training& training, int step);

/// The rule's radius, or null.
inline optim::RadiusRule* radius_rule(Training& training) {
  return dynamic_cast<optim::RadiusRule*>(training.rule.get());
}

}  // namespace polder::verify
