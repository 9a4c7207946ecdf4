#include "polder/app/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "test_support.h"

namespace polder::app {
namespace {

using ::testing::HasSubstr;

TEST(Metrics, NumbersReadBackAsTheSameBits) {
  std::mt19937_64 words(5);
  for (int trial = 0; trial < 200; ++trial) {
    StepRecord record{.step = trial};
    for (double* value : {&record.loss, &record.perturbed_loss, &record.gradient_norm, &record.rate,
                          &record.radius, &record.epoch})
      *value = std::bit_cast<double>((words() & 0x7fffffffffffffffULL) % 0x7ff0000000000000ULL);
    record.radii = {record.loss, record.rate};
    const History history = parse_history(to_json_line(record) + "\n", "memory");
    ASSERT_EQ(history.steps.size(), 1U);
    const StepRecord& read = history.steps[0];
    EXPECT_EQ(read.step, trial);
    EXPECT_EQ(read.epoch, record.epoch);
    EXPECT_EQ(read.loss, record.loss);
    EXPECT_EQ(read.perturbed_loss, record.perturbed_loss);
    EXPECT_EQ(read.gradient_norm, record.gradient_norm);
    EXPECT_EQ(read.rate, record.rate);
    EXPECT_EQ(read.radius, record.radius);
    EXPECT_EQ(read.radii, record.radii);
  }
}

TEST(Metrics, WhatIsNotMeasuredIsLeftOut) {
  const std::string line = to_json_line(StepRecord{.step = 3, .epoch = 0.5, .loss = 0.25});
  EXPECT_EQ(line, R"({"kind":"step","step":3,"epoch":0.5,"loss":0.25})");
  EXPECT_TRUE(std::isnan(parse_history(line + "\n", "m").steps[0].radius));
}

TEST(Metrics, EvaluationsAndReceiptsRoundTrip) {
  const EvaluationRecord evaluation{
      .step = 7, .epoch = 1.0, .training = {0.5, 0.75}, .validation = {}, .test = {0.25, 1.0}};
  const ReceiptRecord receipt{.step = 8,
                              .radius = 0.05,
                              .gap = -0.1,
                              .slopes = {1e-9, -2.5, kNotMeasured, 4.0},
                              .central_difference = 1e-300,
                              .doubt = 0.0};
  const History history =
      parse_history(to_json_line(evaluation) + "\n" + to_json_line(receipt) + "\n", "memory");
  ASSERT_EQ(history.evaluations.size(), 1U);
  EXPECT_EQ(history.evaluations[0].test.accuracy, 1.0);
  EXPECT_EQ(history.evaluations[0].training.loss, 0.5);
  EXPECT_TRUE(std::isnan(history.evaluations[0].validation.loss));
  ASSERT_EQ(history.receipts.size(), 1U);
  EXPECT_EQ(history.receipts[0].slopes[1], -2.5);
  EXPECT_TRUE(std::isnan(history.receipts[0].slopes[2]));
  EXPECT_EQ(history.receipts[0].central_difference, 1e-300);
}

TEST(Metrics, AnUnfinishedLastLineIsLeftOut) {
  const std::string line = to_json_line(StepRecord{.step = 1});
  EXPECT_EQ(parse_history(line + "\n" + line.substr(0, 9), "m").steps.size(), 1U);
}

TEST(Metrics, BrokenLinesAreNamed) {
  EXPECT_THAT(
      error_of([] { parse_history("{\"kind\":\"step\",\"step\":1}\nnonsense\n", "m.jsonl"); }),
      HasSubstr("m.jsonl: line 2: "));
  EXPECT_THAT(error_of([] { parse_history("{\"kind\":\"stop\"}\n", "m.jsonl"); }),
              HasSubstr("unknown kind \"stop\""));
  EXPECT_THAT(error_of([] { parse_history("{\"kind\":\"step\"}\n", "m.jsonl"); }),
              HasSubstr("line 1"));
}

TEST(Result, RoundTrip) {
  RunResult result{.rule = "sam:rho=0.1", .model = "mlp", .data = "spirals"};
  result.seed = 3;
  result.test = {0.1, 0.97};
  result.train_seconds = 12.5;
  result.gradient_evaluations = 84.0;
  const RunResult read = parse_result(to_json(result), "memory");
  EXPECT_EQ(read.rule, "sam:rho=0.1");
  EXPECT_EQ(read.seed, 3);
  EXPECT_EQ(read.test.accuracy, 0.97);
  EXPECT_EQ(read.train_seconds, 12.5);
  EXPECT_TRUE(std::isnan(read.radius));
  EXPECT_THAT(error_of([] { parse_result("[]", "r.json"); }), HasSubstr("r.json: not a result"));
  EXPECT_THAT(error_of([] { parse_result("{", "r.json"); }), HasSubstr("r.json: not a result"));
}

}  // namespace
}  // namespace polder::app
