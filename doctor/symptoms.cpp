#include "polder/doctor/symptoms.h"

#include <utility>

namespace polder::doctor {

Finding fine(std::string measured) { return {{}, Verdict::fine, std::move(measured), {}, {}}; }

Finding wrong(std::string measured, std::string why, std::string remedy) {
  return {{}, Verdict::wrong, std::move(measured), std::move(why), std::move(remedy)};
}

Finding unknown(std::string because) { return {{}, Verdict::unknown, std::move(because), {}, {}}; }

const std::vector<SymptomRow>& symptom_table() {
  static const std::vector<SymptomRow> table = {
      {"finite", finite},     {"moves", moves},         {"home", home},
      {"perturbs", perturbs}, {"radius", radius},       {"rounding", rounding},
      {"ascent", ascent},     {"gradients", gradients}, {"statistics", statistics},
      {"masks", masks},       {"clamp", clamp},
  };
  return table;
}

}  // namespace polder::doctor
