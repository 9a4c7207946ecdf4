#pragma once

#include "polder/kernels/cpu/patches.h"

namespace polder::kernels::cpu {

/// Whether `narrow_input_gradient` serves this convolution: stride 1, one group, a kernel wider
/// than one tap, at most three input channels, output channels that fill whole vectors.
template <class T>
bool has_narrow_input(const ConvGeometry& geometry);

/// dx of such a convolution, without a patch matrix. A product with so few columns would leave most
/// of the arithmetic units idle, and its result would have to be scattered a few numbers at a time;
/// but along one row of the kernel, all that an element of dx needs of dy lies side by side:
///
///   dx[h, w, i] = sum over r of <turned[i, r, :, :], dy[h + p - Kh + 1 + r, w + p - Kw + 1 ...,
///   :]>
///
/// with turned[i, r, s, o] = w[o, Kh - 1 - r, Kw - 1 - s, i].
template <class T>
void narrow_input_gradient(const ConvGeometry& geometry, const T* dy, const T* w, T* dx);

}  // namespace polder::kernels::cpu
