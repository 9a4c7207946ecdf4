// One kernel on the emulated device, small enough to step through: w + scale g for forty weights.
// docs/how-to/step-through-a-kernel.md goes through it in gdb, without a GPU.
#include <cstdio>

#include "polder/kernels/backend.h"

using namespace polder;

int main() {
  const Device device = parse_device("emulated");
  kernels::Backend& backend = kernels::backend_of(device);
  std::vector<float> weights, gradient;
  for (int i = 0; i < 40; ++i) {
    weights.push_back(0.1F * static_cast<float>(i));
    gradient.push_back(i % 2 == 0 ? 1.0F : -1.0F);
  }
  const Tensor w = Tensor::from(weights, {40}, device), g = Tensor::from(gradient, {40}, device);
  const Tensor rho = Tensor::scalar(0.5, device);
  Tensor squared_norm = Tensor::scalar(0.0, device), scale = Tensor::scalar(0.0, device);
  Tensor norm = Tensor::scalar(0.0, device), shifted = Tensor::empty({40}, w.dtype(), device);

  backend.dot(g, g, squared_norm);
  backend.ascent_scale(rho, squared_norm, scale, norm);
  kernels::Segments whole{Tensor::from(std::vector<std::int64_t>{0, 40}, {2}, device),
                          Tensor::from(std::vector<std::int64_t>{1}, {1}, device),
                          {0, 40}};
  backend.perturb(w, g, scale, {}, whole, shifted);
  std::printf("norm %.4f   w[33] %.4f   w[33] + epsilon[33] %.4f\n", norm.item(), weights[33],
              static_cast<double>(shifted.to_vector<float>()[33]));
}
