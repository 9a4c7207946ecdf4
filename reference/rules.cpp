#include "polder/reference/rules.h"

namespace polder::reference {

const std::map<std::string, MakeRule>& rules() {
  static const std::map<std::string, MakeRule> all = {
      {"none", make_none},
      {"sam", make_sam},
      {"asam", make_asam},
      {"m_sharp_sam", make_m_sharp_sam},
      {"fisher_sam", make_fisher_sam},
      {"sam_on", make_sam_on},
      {"momentum_sam", make_momentum_sam},
      {"sparse_sam_dynamic", make_sparse_sam_dynamic},
      {"random_sam", make_random_sam},
      {"k_sam", make_k_sam},
      {"agnostic_sam", make_agnostic_sam},
      {"tilted_sam", make_tilted_sam},
      {"sparse_sam_fisher", make_sparse_sam_fisher},
      {"lookbehind_sam", make_lookbehind_sam},
      {"gsam", make_gsam},
      {"esam", make_esam},
      {"ae_sam", make_ae_sam},
      {"saf", make_saf},
      {"mesa", make_mesa},
      {"wasam", make_wasam},
      {"bayes_sam", make_bayes_sam},
      {"gnp", make_gnp},
      {"sagm", make_sagm},
      {"look_sam", make_look_sam},
      {"friendly_sam", make_friendly_sam},
      {"vasso", make_vasso},
      {"curvature_sam", make_curvature_sam},
      {"gam", make_gam},
      {"ae_look_sam", make_ae_look_sam},
      {"delta_sam", make_delta_sam},
      {"au_sam", make_au_sam},
      {"lets_sam", make_lets_sam},
      {"lets_asam", make_lets_asam},
  };
  return all;
}

}  // namespace polder::reference
