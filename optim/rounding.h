#pragma once

#include "polder/nn/parameter_arena.h"

namespace polder::optim {

/// What is left of a perturbation after the weights were rounded to bfloat16. With d the difference
/// of the rounded weights, d = round(w + epsilon) - round(w):
///
///   changed  share of the weights with epsilon != 0 whose rounded value changes at all
///   along    <d, epsilon> / <epsilon, epsilon>: 1 when nothing is lost on average
///   length   ||d|| / ||epsilon||: above 1, the rest is rounding noise across epsilon
///
/// bfloat16 holds 8 bits of a number. A weight moves when epsilon carries it across the middle
/// between two neighbours, which are 2^-8 to 2^-7 of it apart: a small epsilon moves few weights,
/// each by far more than epsilon.
struct RoundedStep {
  double changed = 0.0, along = 0.0, length = 0.0;
};

/// Of home and twin of an arena with copies, as the last excursion left them. Reads the device.
/// Throws Error without copies.
RoundedStep rounded_step(const nn::ParameterArena& arena);

}  // namespace polder::optim
