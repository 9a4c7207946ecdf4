#include "polder/optim/registry.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/fisher_sam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/momentum_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/rules/sam_on.h"
#include "polder/optim/rules/sparse_sam_dynamic.h"

namespace polder::optim {

RuleRegistry built_in_rules() {
  RuleRegistry rules;
  rules.add(none_entry());
  rules.add(sam_entry());
  rules.add(asam_entry());
  rules.add(m_sharp_sam_entry());
  rules.add(fisher_sam_entry());
  rules.add(sam_on_entry());
  rules.add(momentum_sam_entry());
  rules.add(sparse_sam_dynamic_entry());
  rules.refuse("ada_sam",
               "it is sam on the base optimizer amsgrad (--rule sam --optimizer amsgrad)");
  return rules;
}

}  // namespace polder::optim
