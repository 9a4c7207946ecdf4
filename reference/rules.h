#pragma once

#include "polder/reference/rule.h"

/// One line a reference, in the order of optim/built_in_rules.cpp.
namespace polder::reference {

std::unique_ptr<Rule> make_none(const Settings& settings);
std::unique_ptr<Rule> make_sam(const Settings& settings);
std::unique_ptr<Rule> make_asam(const Settings& settings);
std::unique_ptr<Rule> make_m_sharp_sam(const Settings& settings);
std::unique_ptr<Rule> make_fisher_sam(const Settings& settings);
std::unique_ptr<Rule> make_sam_on(const Settings& settings);
std::unique_ptr<Rule> make_momentum_sam(const Settings& settings);
std::unique_ptr<Rule> make_sparse_sam_dynamic(const Settings& settings);
std::unique_ptr<Rule> make_random_sam(const Settings& settings);
std::unique_ptr<Rule> make_k_sam(const Settings& settings);
std::unique_ptr<Rule> make_agnostic_sam(const Settings& settings);
std::unique_ptr<Rule> make_tilted_sam(const Settings& settings);
std::unique_ptr<Rule> make_sparse_sam_fisher(const Settings& settings);
std::unique_ptr<Rule> make_lookbehind_sam(const Settings& settings);
std::unique_ptr<Rule> make_gsam(const Settings& settings);
std::unique_ptr<Rule> make_esam(const Settings& settings);
std::unique_ptr<Rule> make_ae_sam(const Settings& settings);
std::unique_ptr<Rule> make_saf(const Settings& settings);
std::unique_ptr<Rule> make_mesa(const Settings& settings);
std::unique_ptr<Rule> make_wasam(const Settings& settings);
std::unique_ptr<Rule> make_bayes_sam(const Settings& settings);
std::unique_ptr<Rule> make_gnp(const Settings& settings);
std::unique_ptr<Rule> make_sagm(const Settings& settings);
std::unique_ptr<Rule> make_look_sam(const Settings& settings);
std::unique_ptr<Rule> make_friendly_sam(const Settings& settings);
std::unique_ptr<Rule> make_vasso(const Settings& settings);
std::unique_ptr<Rule> make_curvature_sam(const Settings& settings);
std::unique_ptr<Rule> make_gam(const Settings& settings);
std::unique_ptr<Rule> make_ae_look_sam(const Settings& settings);
std::unique_ptr<Rule> make_delta_sam(const Settings& settings);
std::unique_ptr<Rule> make_au_sam(const Settings& settings);
std::unique_ptr<Rule> make_lets_sam(const Settings& settings);
std::unique_ptr<Rule> make_lets_asam(const Settings& settings);

/// asam's u, epsilon = rho u: T T g / (||T g|| + c), T = |w| + xi where weights multiply.
Vector adaptive_direction(const Net& net, const Vector& w, const Vector& g, double xi,
                          bool everywhere);

}  // namespace polder::reference
