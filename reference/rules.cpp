#include "polder/reference/rules.h"

namespace polder::reference {

const std::map<std::string, MakeRule>& rules() {
  static const std::map<std::string, MakeRule> all = {
      {"none", make_none},
      {"sam", make_sam},
      {"asam", make_asam},
      {"m_sharp_sam", make_m_sharp_sam},
  };
  return all;
}

}  // namespace polder::reference
