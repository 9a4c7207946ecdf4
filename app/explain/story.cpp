#include "polder/app/explain/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace polder::app {
namespace {

double inner(Point x, Point y) { return x[0] * y[0] + x[1] * y[1]; }
double length(Point x) { return std::sqrt(inner(x, x)); }
Point minus(Point x, Point y) { return {x[0] - y[0], x[1] - y[1]}; }

std::string text_of(Point x) { return fmt::format("({:8.4f}, {:8.4f})", x[0], x[1]); }

std::string line(std::string_view symbol, std::string_view meaning, Point value,
                 std::string_view remark = "") {
  return fmt::format("  {:<8}= {:<21}= {}  {}", symbol, meaning, text_of(value), remark);
}

/// B the step's batch, S a part of it, V rows from elsewhere.
char rows_name(const Look& look) {
  return look.rows == Look::Rows::batch ? 'B' : look.rows == Look::Rows::part ? 'S' : 'V';
}

/// Gives the looks of one update their names: g at w, g_p at the first place away from it.
class Storyteller {
 public:
  explicit Storyteller(const Update& update) : update_(update) {
    Point last = update.before;
    for (const Look& look : update.looks) {
      if (look.at != update.before && look.at != last) ++places_;
      if (look.at != update.before) last = look.at;
    }
  }

  std::vector<std::string> tell() {
    lines_.push_back(
        line("w", fmt::format("t = {}, η = {:g}", update_.step, update_.rate), update_.before));
    for (const Look& look : update_.looks) tell(look);
    for (const auto& [name, value] : update_.scalars)
      lines_.push_back(fmt::format("  {:<8}= {:.6g}", name == "radius" ? "ρ" : name, value));
    tell_direction();
    lines_.push_back(
        line("w", "after the step", update_.after,
             fmt::format("moved {:.4f}", length(minus(update_.after, update_.before)))));
    if (update_.averaged) lines_.push_back(line("w̄", "what is evaluated", *update_.averaged));
    tell_rows();
    if (std::ranges::any_of(update_.looks, &Look::term))
      lines_.push_back("  T: the term that the rule adds to the loss");
    return lines_;
  }

 private:
  void tell(const Look& look) {
    const Point epsilon = minus(look.at, update_.before);
    const bool away = length(epsilon) > 0;
    if (away) tell_place(look, epsilon);
    const std::string at = away ? fmt::format("w + {}", epsilon_) : "w";
    const char rows = rows_name(look);
    const std::string loss = fmt::format("L_{}", rows);
    const std::string of = fmt::format("{}({})", look.term ? "(" + loss + " + T)" : loss, at);
    switch (look.kind) {
      case Look::Kind::gradient:
        tell_gradient(look, away, of);
        break;
      case Look::Kind::losses:
        lines_.push_back(fmt::format("  {:<8}= {:.4f}  (forward only)", of, look.loss));
        break;
      case Look::Kind::outputs:
        lines_.push_back(fmt::format("  z       = outputs of {} at {}  (forward only)", rows, at));
        break;
      case Look::Kind::hessian:
        lines_.push_back(line("H v", fmt::format("∇²{} v", of), look.result,
                              fmt::format("v = {}", text_of(look.direction))));
        break;
    }
  }

  void tell_gradient(const Look& look, bool away, const std::string& of) {
    std::string name = "g";
    if (away)
      name = places_ > 1 ? fmt::format("g_{}", place_) : "g_p";
    else if (clean_)
      name = fmt::format("g_{}", rows_name(look));
    else
      clean_ = look.result;
    lines_.push_back(
        line(name, fmt::format("∇{}", of), look.result,
             fmt::format("‖{}‖ = {:.4f}  loss {:.4f}", name, length(look.result), look.loss)));
  }

  /// A place away from w is told once, when it is first looked from.
  void tell_place(const Look& look, Point epsilon) {
    if (place_ > 0 && look.at == last_place_) return;
    last_place_ = look.at;
    epsilon_ = places_ > 1 ? fmt::format("ε_{}", ++place_) : (++place_, "ε");
    std::string remark = fmt::format("‖{}‖ = {:.4f}", epsilon_, length(epsilon));
    if (clean_ && length(*clean_) > 0)
      remark += fmt::format("  cos({}, g) = {:.3f}", epsilon_,
                            inner(epsilon, *clean_) / (length(epsilon) * length(*clean_)));
    lines_.push_back(line(epsilon_, "how far it looks", epsilon, remark));
  }

  /// Whose losses L_S and L_V are, for a reader who has seen only L_B.
  void tell_rows() {
    std::string told;
    for (const Look& look : update_.looks) {
      const char name = rows_name(look);
      if (name == 'B' || told.find(name) != std::string::npos) continue;
      told += name;
      lines_.push_back(
          fmt::format("  {}: {} {}", name, look.count,
                      name == 'S' ? "of the batch's rows" : "rows that are not the batch's"));
    }
  }

  /// G = alpha g + what is across g.
  void tell_direction() {
    if (!update_.gradient) {
      lines_.push_back("  this rule moves the weights itself: there is no one G");
      return;
    }
    const Point& direction = *update_.gradient;
    std::string remark;
    if (clean_ && length(*clean_) > 0) {
      const double along = inner(direction, *clean_) / inner(*clean_, *clean_);
      const double across =
          (clean_->at(0) * direction[1] - clean_->at(1) * direction[0]) / inner(*clean_, *clean_);
      remark =
          fmt::format("= {:.3f} g {} {:.3f} g⊥", along, across < 0 ? "−" : "+", std::abs(across));
    }
    lines_.push_back(line("G", "what the step uses", direction, remark));
  }

  const Update& update_;
  std::vector<std::string> lines_;
  std::optional<Point> clean_;
  std::string epsilon_ = "ε";
  Point last_place_{};
  int places_ = 0, place_ = 0;
};

}  // namespace

std::vector<std::string> story_of(const Update& update) { return Storyteller(update).tell(); }

std::vector<std::string> ending_of(const std::vector<Update>& walk, const ProductData& data) {
  const Point start = walk.front().before, end = walk.back().after;
  const double least = 2 * data.best_product();  // a^2 + b^2 where a = b
  return {
      fmt::format("After {} steps: w = {}, loss {:.4f} ({:.4f} at the start).", walk.size(),
                  text_of(end), data.loss(end), data.loss(start)),
      fmt::format("Sharpness a² + b²: {:.2f}, at the start {:.2f}, at the flattest minimum {:.2f}.",
                  inner(end, end), inner(start, start), least)};
}

}  // namespace polder::app
