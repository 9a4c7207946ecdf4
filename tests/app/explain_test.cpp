#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "polder/app/explain/picture.h"
#include "polder/app/explain/story.h"
#include "polder/app/terminal.h"
#include "polder/app/trainer.h"

namespace polder::app {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// Mean gradient of cross-entropy with the logit a b x, in plain loops.
Point gradient_at(Point w, const Batch& batch) {
  const auto x = batch.inputs.to_vector<double>();
  const auto labels = batch.targets.to_vector<std::int64_t>();
  Point sum{};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double probability = 1.0 / (1.0 + std::exp(-w[0] * w[1] * x[i]));
    const double slope = (probability - static_cast<double>(labels[i])) * x[i];
    sum[0] += slope * w[1] / static_cast<double>(x.size());
    sum[1] += slope * w[0] / static_cast<double>(x.size());
  }
  return sum;
}

optim::Settings settings_of(const std::string& rule, const std::string& rho) {
  const optim::RuleEntry& entry = known_rules().find(rule);
  optim::Settings settings = optim::complete(entry, optim::Settings(entry.trial));
  if (settings.has("rho")) settings.set("rho", rho);
  if (settings.has("allow_inexact")) settings.set("allow_inexact", "true");
  return settings;
}

std::vector<Update> walk_of(const std::string& rule, const WalkOptions& options = {}) {
  return walk(known_rules(), rule, settings_of(rule, "0.3"), ProductData(options.seed), options);
}

double sharpness(Point w) { return w[0] * w[0] + w[1] * w[1]; }

TEST(Explain, WritesDownASamStepAsTheAlgorithmHasIt) {
  const WalkOptions options{.steps = 9, .seed = 7};
  const ProductData data(options.seed);
  for (const Update& update : walk_of("sam", options)) {
    const Batch batch = data.batch(update.step);
    const Point g = gradient_at(update.before, batch);
    const double norm = std::hypot(g[0], g[1]);
    ASSERT_EQ(update.looks.size(), 2U);
    Point moved = update.before;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(update.looks[0].result[i], g[i], 1e-14);
      EXPECT_NEAR(update.looks[1].at[i], update.before[i] + 0.3 * g[i] / norm, 1e-10);
    }
    const Point perturbed = gradient_at(update.looks[1].at, batch);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(update.looks[1].result[i], perturbed[i], 1e-14);
      EXPECT_NEAR(update.gradient->at(i), perturbed[i], 1e-14);
      EXPECT_NEAR(update.after[i], moved[i] - options.rate * perturbed[i], 1e-14);
    }
  }
}

TEST(Explain, SamSlidesToTheFlatMinimumAndSgdDoesNot) {
  const double start = sharpness(WalkOptions{}.start);
  const double plain = sharpness(walk_of("none").back().after);
  const double sam = sharpness(walk_of("sam").back().after);
  const double least = 2 * ProductData(WalkOptions{}.seed).best_product();
  EXPECT_LT(std::abs(plain - start), 0.1 * (start - least));
  EXPECT_LT(sam - least, 0.4 * (start - least));
}

TEST(Explain, ATermOfTheLossIsNamed) {
  const optim::RuleEntry& entry = known_rules().find("saf");
  const optim::Settings settings =
      optim::complete(entry, optim::Settings({{"slots", "1"}, {"start_epoch", "0"}}));
  const ProductData data(1);
  const std::vector<Update> updates = walk(known_rules(), "saf", settings, data, {.steps = 5});
  constexpr const char* kTerm = "∇(L_B + T)(w)";
  EXPECT_THAT(story_of(updates[3]), Not(Contains(HasSubstr(kTerm))));  // no outputs to compare with
  EXPECT_THAT(story_of(updates[4]), Contains(HasSubstr(kTerm)));
}

TEST(Explain, TheBestProductIsWhereTheSlopeVanishes) {
  const ProductData data(3);
  std::vector<std::int64_t> all(ProductData::kSamples);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  EXPECT_NEAR(gradient_at({data.best_product(), 1.0}, data.rows(all))[1], 0.0, 1e-6);
}

TEST(Explain, AnEpochIsEverySampleOnce) {
  const ProductData data(5);
  std::vector<std::int64_t> seen;
  for (std::int64_t t = 0; t < ProductData::kStepsPerEpoch; ++t)
    for (const std::int64_t i :
         data.batch(ProductData::kStepsPerEpoch + t).indices.to_vector<std::int64_t>())
      seen.push_back(i);
  std::sort(seen.begin(), seen.end());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], static_cast<std::int64_t>(i));
}

TEST(Explain, TheStoryNamesWhatAnUpdateSaw) {
  std::string story;
  for (const std::string& line : story_of(walk_of("sam").at(4))) story += line + "\n";
  EXPECT_THAT(story, HasSubstr("∇L_B(w + ε)"));
  EXPECT_THAT(story, HasSubstr("‖ε‖ = 0.3000"));
  EXPECT_THAT(story, HasSubstr("cos(ε, g) = 1.000"));
}

/// Every opened element is closed, in order.
bool is_balanced(const std::string& svg) {
  std::vector<std::string> open;
  for (std::size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const std::size_t end = svg.find('>', at);
    if (end == std::string::npos) return false;
    const bool closes = svg[at + 1] == '/';
    const std::size_t name = at + (closes ? 2 : 1);
    const std::string word = svg.substr(name, svg.find_first_of(" />", name) - name);
    if (closes) {
      if (open.empty() || open.back() != word) return false;
      open.pop_back();
    } else if (svg[end - 1] != '/') {
      open.push_back(word);
    }
  }
  return open.empty();
}

class ExplainEveryRule : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Rules, ExplainEveryRule, testing::ValuesIn(known_rules().names()),
                         [](const auto& parameter) { return parameter.param; });

TEST_P(ExplainEveryRule, HasAStoryThatFitsAndPicturesWithItsPath) {
  const WalkOptions options{.steps = 13};
  const ProductData data(options.seed);
  const std::vector<NamedWalk> walks{{GetParam(), walk_of(GetParam(), options)}};
  for (const Update& update : walks[0].updates)
    for (const std::string& line : story_of(update)) EXPECT_LE(columns_of(line), 100U) << line;
  const std::string still = picture_of(walks, 4, data), moving = animation_of(walks, data);
  EXPECT_TRUE(is_balanced(still));
  EXPECT_TRUE(is_balanced(moving));
  EXPECT_THAT(still, testing::Not(HasSubstr("nan")));
  EXPECT_THAT(moving, HasSubstr("<animate "));
  EXPECT_NE(walks[0].updates.back().after, options.start);
}

}  // namespace
}  // namespace polder::app
