#include "polder/optim/registry.h"
#include "polder/optim/rules/ae_look_sam.h"
#include "polder/optim/rules/ae_sam.h"
#include "polder/optim/rules/agnostic_sam.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/au_sam.h"
#include "polder/optim/rules/bayes_sam.h"
#include "polder/optim/rules/curvature_sam.h"
#include "polder/optim/rules/delta_sam.h"
#include "polder/optim/rules/esam.h"
#include "polder/optim/rules/fisher_sam.h"
#include "polder/optim/rules/friendly_sam.h"
#include "polder/optim/rules/gam.h"
#include "polder/optim/rules/gnp.h"
#include "polder/optim/rules/gsam.h"
#include "polder/optim/rules/k_sam.h"
#include "polder/optim/rules/look_sam.h"
#include "polder/optim/rules/lookbehind_sam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/mesa.h"
#include "polder/optim/rules/momentum_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/random_sam.h"
#include "polder/optim/rules/saf.h"
#include "polder/optim/rules/sagm.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/rules/sam_on.h"
#include "polder/optim/rules/sparse_sam_dynamic.h"
#include "polder/optim/rules/sparse_sam_fisher.h"
#include "polder/optim/rules/tilted_sam.h"
#include "polder/optim/rules/vasso.h"
#include "polder/optim/rules/wasam.h"

namespace polder::optim {

RuleRegistry built_in_rules() {
  RuleRegistry rules;
  rules.add(none_entry());
  rules.add(sam_entry());
  rules.add(asam_entry());
  rules.add(m_sharp_sam_entry());
  rules.add(fisher_sam_entry());
  rules.add(sam_on_entry());
  rules.add(sparse_sam_fisher_entry());
  rules.add(sparse_sam_dynamic_entry());
  rules.add(momentum_sam_entry());
  rules.add(friendly_sam_entry());
  rules.add(vasso_entry());
  rules.add(agnostic_sam_entry());
  rules.add(tilted_sam_entry());
  rules.add(lookbehind_sam_entry());
  rules.add(bayes_sam_entry());
  rules.add(gnp_entry());
  rules.add(sagm_entry());
  rules.add(gsam_entry());
  rules.add(curvature_sam_entry());
  rules.add(gam_entry());
  rules.add(look_sam_entry());
  rules.add(random_sam_entry());
  rules.add(ae_sam_entry());
  rules.add(esam_entry());
  rules.add(k_sam_entry());
  rules.add(saf_entry());
  rules.add(mesa_entry());
  rules.add(ae_look_sam_entry());
  rules.add(delta_sam_entry());
  rules.add(au_sam_entry());
  rules.add(wasam_entry());
  rules.refuse("ada_sam",
               "it is sam on the base optimizer amsgrad (--rule sam --optimizer amsgrad)");
  return rules;
}

}  // namespace polder::optim
