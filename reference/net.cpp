#include "polder/reference/net.h"

#include <algorithm>
#include <complex>

namespace polder::reference {
namespace {

using Complex = std::complex<double>;

double real_part(double x) { return x; }
double real_part(const Complex& x) { return x.real(); }

/// Sizes and where the tensors start.
struct Layout {
  std::size_t inputs, hidden, classes, b1, gamma, beta, w2, b2;
};

/// n = (a - mean) / deviation, h = tanh(gamma n + beta)
template <class T>
struct Hidden {
  std::vector<T> n, h;
  T deviation{};
};

template <class T>
T mean(const std::vector<T>& values) {
  T sum = 0.0;
  for (const T& value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

template <class T>
void normalise(Hidden<T>& hidden) {
  const T middle = mean(hidden.n);
  T squares = 0.0;
  for (T& value : hidden.n) {
    value -= middle;
    squares += value * value;
  }
  hidden.deviation = std::sqrt(squares / static_cast<double>(hidden.n.size()) + 1e-5);
  for (T& value : hidden.n) value /= hidden.deviation;
}

template <class T>
Hidden<T> hidden_of(const Layout& at, const std::vector<T>& w, const Vector& x) {
  Hidden<T> hidden;
  for (std::size_t j = 0; j < at.hidden; ++j) {
    T sum = w[at.b1 + j];
    for (std::size_t i = 0; i < at.inputs; ++i) sum += w[j * at.inputs + i] * x[i];
    hidden.n.push_back(sum);
  }
  normalise(hidden);
  for (std::size_t j = 0; j < at.hidden; ++j)
    hidden.h.push_back(std::tanh(w[at.gamma + j] * hidden.n[j] + w[at.beta + j]));
  return hidden;
}

template <class T>
std::vector<T> outputs_of(const Layout& at, const std::vector<T>& w, const std::vector<T>& h) {
  std::vector<T> z(at.classes);
  for (std::size_t c = 0; c < at.classes; ++c) {
    z[c] = w[at.b2 + c];
    for (std::size_t j = 0; j < at.hidden; ++j) z[c] += w[at.w2 + c * at.hidden + j] * h[j];
  }
  return z;
}

template <class T>
std::vector<T> softmax_of(const std::vector<T>& z) {
  double largest = real_part(z[0]);
  for (const T& value : z) largest = std::max(largest, real_part(value));
  std::vector<T> p(z.size());
  T sum = 0.0;
  for (std::size_t c = 0; c < z.size(); ++c) sum += p[c] = std::exp(z[c] - largest);
  for (T& value : p) value /= sum;
  return p;
}

/// dl/da from dl/dn: (dn - mean(dn) - n mean(dn n)) / deviation
template <class T>
std::vector<T> through_norm(const Hidden<T>& hidden, const std::vector<T>& dn) {
  std::vector<T> weighted = dn, da = dn;
  for (std::size_t j = 0; j < dn.size(); ++j) weighted[j] *= hidden.n[j];
  const T level = mean(dn), slope = mean(weighted);
  for (std::size_t j = 0; j < dn.size(); ++j)
    da[j] = (dn[j] - level - hidden.n[j] * slope) / hidden.deviation;
  return da;
}

/// Backward pass: adds sum_c seed_c dz_c / dw to g.
template <class T>
void add_gradient(const Layout& at, const std::vector<T>& w, const Vector& x,
                  const Hidden<T>& hidden, const std::vector<T>& seed, std::vector<T>& g) {
  const std::vector<T>& h = hidden.h;
  for (std::size_t c = 0; c < at.classes; ++c) {
    g[at.b2 + c] += seed[c];
    for (std::size_t j = 0; j < at.hidden; ++j) g[at.w2 + c * at.hidden + j] += seed[c] * h[j];
  }
  std::vector<T> dn(at.hidden);
  for (std::size_t j = 0; j < at.hidden; ++j) {
    T dh = 0.0;
    for (std::size_t c = 0; c < at.classes; ++c) dh += seed[c] * w[at.w2 + c * at.hidden + j];
    const T inside = dh * (1.0 - h[j] * h[j]);
    g[at.gamma + j] += inside * hidden.n[j];
    g[at.beta + j] += inside;
    dn[j] = inside * w[at.gamma + j];
  }
  const std::vector<T> da = through_norm(hidden, dn);
  for (std::size_t j = 0; j < at.hidden; ++j) {
    g[at.b1 + j] += da[j];
    for (std::size_t i = 0; i < at.inputs; ++i) g[j * at.inputs + i] += da[j] * x[i];
  }
}

/// Adds weight * grad l to g.
template <class T>
void add_loss_gradient(const Layout& at, const std::vector<T>& w, const Sample& sample,
                       double weight, std::vector<T>& g) {
  const Hidden<T> hidden = hidden_of(at, w, sample.x);
  std::vector<T> seed = softmax_of(outputs_of(at, w, hidden.h));
  seed[sample.label] -= 1.0;
  for (T& value : seed) value *= weight;
  add_gradient(at, w, sample.x, hidden, seed, g);
}

Layout layout_of(const std::vector<Segment>& segments, std::size_t inputs, std::size_t hidden,
                 std::size_t classes) {
  return {inputs,
          hidden,
          classes,
          segments[1].begin,
          segments[2].begin,
          segments[3].begin,
          segments[4].begin,
          segments[5].begin};
}

}  // namespace

std::vector<Segment> Net::segments() const {
  using enum Segment::Kind;
  std::vector<Segment> table;
  const auto add = [&table](std::size_t size, Segment::Kind kind) {
    const std::size_t begin = table.empty() ? 0 : table.back().end;
    table.push_back({begin, begin + size, kind});
  };
  add(hidden_ * inputs_, matrix);
  add(hidden_, bias);
  add(hidden_, norm_scale);
  add(hidden_, norm_shift);
  add(classes_ * hidden_, matrix);
  add(classes_, bias);
  return table;
}

Vector Net::outputs(const Vector& w, const Sample& sample) const {
  const Layout at = layout_of(segments(), inputs_, hidden_, classes_);
  return outputs_of(at, w, hidden_of(at, w, sample.x).h);
}

double Net::loss(const Vector& w, const Sample& sample) const {
  const Vector z = outputs(w, sample);
  const double largest = *std::max_element(z.begin(), z.end());
  double sum = 0.0;
  for (const double value : z) sum += std::exp(value - largest);
  return largest + std::log(sum) - z[sample.label];
}

Vector Net::gradient(const Vector& w, const Sample& sample) const {
  return mean_gradient(w, {sample});
}

Vector Net::gradient_of_outputs(const Vector& w, const Sample& sample, const Vector& seed) const {
  const Layout at = layout_of(segments(), inputs_, hidden_, classes_);
  Vector g(w.size(), 0.0);
  add_gradient(at, w, sample.x, hidden_of(at, w, sample.x), seed, g);
  return g;
}

Vector Net::losses(const Vector& w, const Rows& rows) const {
  Vector values;
  for (const Sample& sample : rows) values.push_back(loss(w, sample));
  return values;
}

double Net::mean_loss(const Vector& w, const Rows& rows) const {
  double sum = 0.0;
  for (const double value : losses(w, rows)) sum += value;
  return sum / static_cast<double>(rows.size());
}

Vector Net::mean_gradient(const Vector& w, const Rows& rows) const {
  return weighted_gradient(w, rows, Vector(rows.size(), 1.0));
}

Vector Net::weighted_gradient(const Vector& w, const Rows& rows, const Vector& omega) const {
  const Layout at = layout_of(segments(), inputs_, hidden_, classes_);
  Vector g(w.size(), 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i)
    add_loss_gradient(at, w, rows[i], omega[i] / static_cast<double>(rows.size()), g);
  return g;
}

Vector Net::hessian_product(const Vector& w, const Rows& rows, const Vector& v) const {
  constexpr double kStep = 1e-60;
  const Layout at = layout_of(segments(), inputs_, hidden_, classes_);
  std::vector<Complex> shifted(w.size()), g(w.size(), 0.0);
  for (std::size_t i = 0; i < w.size(); ++i) shifted[i] = {w[i], kStep * v[i]};
  for (const Sample& sample : rows)
    add_loss_gradient(at, shifted, sample, 1.0 / static_cast<double>(rows.size()), g);
  Vector product;
  for (const Complex& value : g) product.push_back(value.imag() / kStep);
  return product;
}

Vector softmax(const Vector& z) { return softmax_of(z); }

}  // namespace polder::reference
