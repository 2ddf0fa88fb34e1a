#include "tests/bench/overload_run.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "tests/bench/cpu_account.h"
#include "tests/bench/line_load.h"

namespace birthmark::bench {
namespace {

constexpr absl::Duration kRampUp = absl::Seconds(1);
constexpr absl::Duration kSampling = absl::Milliseconds(500);
// More items than are expected to be needed; lines are not served evenly.
constexpr double kReserve = 4;
constexpr size_t kLeastItems = 8192;

void Add(const Refusals& refusals, Refusals& sum) {
  for (const auto& [reason, count] : refusals.exhausted) {
    sum.exhausted[reason] += count;
  }
  for (const auto& [reason, count] : refusals.other) {
    sum.other[reason] += count;
  }
  sum.without_delay += refusals.without_delay;
}

}  // namespace

OverloadRun::OverloadRun(int lines)
    : deployment_({.durable = true, .tcp = true}) {
  for (int i = 0; i < lines; ++i) {
    channels_.push_back(NewLine(deployment_, absl::StrCat("line-", i)));
  }
}

std::map<std::string, int64_t> OverloadRun::Resident() {
  std::map<std::string, int64_t> bytes;
  for (const char* role : {"ca", "registration"}) {
    bytes[role] = ResidentBytes(deployment_.process(role).pid());
  }
  return bytes;
}

Outcome OverloadRun::Put(const Load& load, double expected_rate) {
  ++loads_;
  const size_t items =
      static_cast<size_t>(expected_rate * kReserve *
                          absl::ToDoubleSeconds(load.duration + kRampUp)) /
          static_cast<size_t>(load.lines) +
      kLeastItems;
  std::vector<std::vector<Item>> prepared;
  for (int i = 0; i < load.lines; ++i) {
    prepared.push_back(MakeItems(items, absl::StrCat("l", i, "o", loads_)));
  }
  std::vector<std::unique_ptr<InsistentLine>> lines;
  for (int i = 0; i < load.lines; ++i) {
    lines.push_back(std::make_unique<InsistentLine>(
        *channels_.at(static_cast<size_t>(i)),
        InsistentLineOptions{
            .parent = absl::StrCat("fleets/bench/lines/line-", i),
            .batch = absl::StrCat("load-", loads_),
            .greedy = i < load.greedy},
        std::move(prepared[static_cast<size_t>(i)])));
  }
  const auto certificates = [&lines] {
    uint64_t sum = 0;
    for (const auto& line : lines) {
      sum += line->certificates();
    }
    return sum;
  };
  absl::SleepFor(kRampUp);
  Outcome outcome;
  const uint64_t before = certificates();
  const absl::Duration start = Clock::Real().MonotonicNow();
  while (Clock::Real().MonotonicNow() - start < load.duration) {
    absl::SleepFor(kSampling);
    for (const auto& [role, bytes] : Resident()) {
      outcome.resident[role].push_back(bytes);
    }
  }
  const absl::Duration took = Clock::Real().MonotonicNow() - start;
  outcome.certificates_per_second =
      static_cast<double>(certificates() - before) /
      absl::ToDoubleSeconds(took);
  for (const auto& line : lines) {
    if (line->ran_dry()) {
      std::cerr << "a line ran out of items: no full load" << std::endl;
      exit(1);
    }
  }
  for (const auto& line : lines) {
    line->Stop();
    Add(line->refusals(), outcome.refusals);
    received_ += line->certificates();
  }
  return outcome;
}

uint64_t OverloadRun::CountRecords() {
  uint64_t count = 0;
  const std::string text = deployment_.Sql(
      "SELECT count(*) FROM certificates WHERE device_uid IS NOT NULL");
  if (!absl::SimpleAtoi(text, &count) || count < received_) {
    std::cerr << received_ << " certificates came, " << text << " are recorded"
              << std::endl;
    exit(1);
  }
  return count;
}

}  // namespace birthmark::bench
