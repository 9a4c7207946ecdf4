#include "polder/optim/registry.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"

namespace polder::optim {

RuleRegistry built_in_rules() {
  RuleRegistry rules;
  rules.add(none_entry());
  rules.add(sam_entry());
  rules.add(asam_entry());
  rules.add(m_sharp_sam_entry());
  return rules;
}

}  // namespace polder::optim
