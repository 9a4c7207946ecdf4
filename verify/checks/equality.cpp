#include "polder/core/text.h"
#include "polder/verify/checks/checks.h"
#include "polder/verify/closed_forms.h"
#include "polder/verify/twins.h"

namespace polder::verify {

using optim::Identity;

namespace {

std::string text_of(const std::map<std::string, std::string>& settings) {
  std::vector<std::string> words;
  for (const auto& [name, value] : settings) words.push_back(fmt::format("{}={}", name, value));
  return join(words, " ");
}

/// How far the two rules of an identity are apart after 20 steps.
Outcome compare(const Subject& subject, const Identity& identity) {
  const optim::RuleEntry& other = subject.rules.find(identity.rule);
  const std::string sides = fmt::format("{} against {} {}", text_of(identity.settings), other.name,
                                        text_of(identity.rule_settings));
  if (identity.tolerance == 0.0)
    return measured(differing(trained(subject, subject.entry, identity.settings),
                              trained(subject, other, identity.rule_settings)),
                    0.0, "bytes of w that differ, " + sides);
  const NetOptions net{.dtype = DType::float64, .device = subject.device};
  Training left(subject.entry, optim::Settings(identity.settings), net);
  Training right(other, optim::Settings(identity.rule_settings), net);
  left.run_steps(20);
  right.run_steps(20);
  return measured(
      distance(values_of(left.problem.arena.home()), values_of(right.problem.arena.home())),
      identity.tolerance, "distance of w, " + sides);
}

bool is_base_at_radius_zero(const Identity& identity) {
  const auto rho = identity.settings.find("rho");
  return identity.rule == "none" && rho != identity.settings.end() && rho->second == "0";
}

/// The worst of the identities for which `wanted` holds.
template <class F>
Outcome worst_identity(const Subject& subject, const F& wanted, const char* without) {
  Outcome worst = not_applicable(without);
  for (const Identity& identity : subject.entry.identities) {
    if (!wanted(identity)) continue;
    Outcome outcome = compare(subject, identity);
    if (outcome.red()) return outcome;
    if (!worst.green() || outcome.error >= worst.error) worst = std::move(outcome);
  }
  return worst;
}

}  // namespace

Outcome has_its_identities(const Subject& subject) {
  return worst_identity(
      subject, [](const Identity& identity) { return !is_base_at_radius_zero(identity); },
      "no setting makes it another rule");
}

Outcome is_the_base_at_radius_zero(const Subject& subject) {
  return worst_identity(subject, is_base_at_radius_zero,
                        "its entry does not claim to be the base optimizer at radius 0");
}

Outcome differs_from_none(const Subject& subject) {
  if (subject.entry.name == "none") return not_applicable("it is what the others are held against");
  const auto found = trained(subject, subject.entry, subject.entry.trial);
  const bool same = found == trained(subject, subject.rules.find("none"), {});
  return complaint(same ? "under its trial settings it does what the base optimizer does" : "");
}

Outcome agrees_with_its_reference(const Subject& subject) {
  if (!has_reference(subject.entry.name)) return not_applicable("no reference has its name");
  const double at_work =
      distance_to_reference(subject.entry, trial_of(subject.entry), subject.steps, subject.device);
  const double by_default = distance_to_reference(subject.entry, {}, subject.steps, subject.device);
  return measured(
      std::max(at_work, by_default), 1e-9,
      fmt::format("distance of w in {} steps, {:.1e} under trial settings, {:.1e} under "
                  "defaults",
                  subject.steps, at_work, by_default));
}

Outcome has_its_closed_form(const Subject& subject) {
  const ClosedForm* form = closed_form_of(subject.entry.name);
  if (form == nullptr) return not_applicable("no closed form is written down for it");
  double largest = 0.0;
  for (const std::uint64_t seed : {1, 2, 3})
    largest =
        std::max(largest, distance_to_closed_form(subject.entry, *form, seed, subject.device));
  return measured(largest, 1e-9, "distance of G on random quadratics");
}

}  // namespace polder::verify
