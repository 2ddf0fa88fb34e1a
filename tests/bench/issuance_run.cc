#include "tests/bench/issuance_run.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/x509/chain.h"
#include "lib/x509/csr.h"
#include "tests/bench/past_devices.h"

namespace birthmark::bench {
namespace {

// More items than are expected to be needed.
constexpr double kReserve = 1.6;
constexpr int kAttempts = 5;

template <typename... Parts>
[[noreturn]] void Die(const Parts&... parts) {
  std::cerr << absl::StrCat(parts...) << std::endl;
  exit(1);
}

x509::Certificate MustParse(const std::string& der) {
  auto certificate = x509::Certificate::Parse(der);
  if (!certificate.ok()) {
    Die("a certificate: ", certificate.status().ToString());
  }
  return *std::move(certificate);
}

// The mean of two measurements of the floor.
Floor Mean(const Floor& a, const Floor& b) {
  return {.verify = (a.verify + b.verify) / 2, .sign = (a.sign + b.sign) / 2};
}

// Has registration compute with one arithmetic, and makes sure that it does.
void Choose(tests::Deployment& deployment, crypto::Arithmetic arithmetic) {
  const std::string path = deployment.home() + "/config/registration.textproto";
  const std::string choice = arithmetic == crypto::Arithmetic::kBoringSsl
                                 ? "ARITHMETIC_BORINGSSL"
                                 : "ARITHMETIC_UNSPECIFIED";
  tests::WriteFile(
      path, absl::StrReplaceAll(
                tests::ReadAll(path),
                {{"\nregistration {",
                  absl::StrCat("\nregistration {\n  arithmetic: ", choice)}}));
  deployment.process("registration").Stop();
  deployment.Start("registration");
  if (!absl::StrContains(
          deployment.process("registration").Err(),
          absl::StrCat("\"backend\":\"", crypto::ArithmeticName(arithmetic),
                       "\""))) {
    Die("registration does not run on ", crypto::ArithmeticName(arithmetic));
  }
}

}  // namespace

IssuanceRun::IssuanceRun(const IssuanceOptions& options)
    : options_(options), deployment_({.durable = true, .tcp = true}) {
  Choose(deployment_, options.arithmetic);
  if (options.devices > 0) {
    load_time_ =
        AddPastDevices(deployment_.postgres(), "birthmark", options.devices);
  }
  for (int i = 0; i < options.lines; ++i) {
    channels_.push_back(NewLine(deployment_, absl::StrCat("line-", i)));
  }
  first_serial_ =
      absl::StrFormat("%012x", absl::ToUnixMillis(Clock::Real().Now()));
}

IssuanceRun::Loads IssuanceRun::Prepare(absl::Duration duration) {
  ++runs_;
  const double items = expected_rate_ * kReserve *
                           absl::ToDoubleSeconds(duration) / options_.lines +
                       2048;
  Loads loads;
  for (int i = 0; i < options_.lines; ++i) {
    LineLoadOptions load;
    load.parent = absl::StrCat("fleets/bench/lines/line-", i);
    load.batch = absl::StrCat("run-", runs_);
    load.items_per_message = options_.items_per_message;
    load.in_flight = options_.in_flight;
    loads.push_back(std::make_unique<LineLoad>(
        *channels_[static_cast<size_t>(i)], load,
        MakeItems(static_cast<size_t>(items),
                  absl::StrCat("l", i, "r", runs_))));
  }
  return loads;
}

void IssuanceRun::Start(const Loads& loads) {
  for (const auto& load : loads) {
    load->Start();
  }
}

void IssuanceRun::Stop(const Loads& loads) {
  for (const auto& load : loads) {
    const absl::Status status = load->Stop();
    if (!status.ok()) {
      Die("a stream ended with ", status.ToString());
    }
    for (const auto& [reason, count] : load->errors()) {
      Die(count, " items were refused: ", reason);
    }
    issued_ += load->certificates();
    Verify(*load);
  }
}

uint64_t IssuanceRun::Certificates(const Loads& loads) const {
  uint64_t sum = 0;
  for (const auto& load : loads) {
    sum += load->certificates();
  }
  return sum;
}

void IssuanceRun::WarmUp() {
  const Loads loads = Prepare(options_.warm_up + options_.ramp_up);
  Start(loads);
  absl::SleepFor(options_.ramp_up);
  const uint64_t before = Certificates(loads);
  absl::SleepFor(options_.warm_up);
  expected_rate_ = static_cast<double>(Certificates(loads) - before) /
                   absl::ToDoubleSeconds(options_.warm_up);
  Stop(loads);
}

Repeat IssuanceRun::Measure() {
  // The rate that items are made for is that of a moment ago: it may have been
  // held up then.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (std::optional<Repeat> repeat = TryMeasure()) {
      return *std::move(repeat);
    }
  }
  Die("items ran out in each of ", kAttempts, " measurements");
}

std::optional<Repeat> IssuanceRun::TryMeasure() {
  const Loads loads =
      Prepare(options_.ramp_up + options_.duration + absl::Seconds(1));
  const Floor floor = MeasureFloor(options_.arithmetic);
  const Floor floor_on_all_cores = MeasureFloorOnAllCores(options_.arithmetic);
  Start(loads);
  absl::SleepFor(options_.ramp_up);

  Repeat repeat;
  const DatabaseUse database = DatabaseUseNow(deployment_);
  const Usage start = UsageNow(deployment_);
  absl::SleepFor(options_.duration);
  repeat.used = UsageNow(deployment_) - start;
  // A load that has run dry is no full one.
  const bool ran_dry =
      std::any_of(loads.begin(), loads.end(),
                  [](const auto& load) { return load->RanDry(); });
  repeat.database = DatabaseUseNow(deployment_) - database;
  Stop(loads);

  repeat.floor = Mean(floor, MeasureFloor(options_.arithmetic));
  repeat.floor_on_all_cores =
      Mean(floor_on_all_cores, MeasureFloorOnAllCores(options_.arithmetic));
  const absl::Duration end = start.time + repeat.used.time;
  for (const auto& load : loads) {
    for (const Answer& answer : load->answers()) {
      if (answer.time > start.time && answer.time <= end) {
        repeat.latencies.push_back(answer.latency);
      }
    }
  }
  repeat.certificates = repeat.latencies.size();
  const double rate = static_cast<double>(repeat.certificates) /
                      absl::ToDoubleSeconds(repeat.used.time);
  if (ran_dry || repeat.certificates == 0) {
    expected_rate_ = std::max(expected_rate_, rate) * 2;
    return std::nullopt;
  }
  expected_rate_ = rate;
  return repeat;
}

void IssuanceRun::Verify(const LineLoad& load) {
  std::vector<x509::Certificate> issuers;
  for (const std::string& der : load.issuers()) {
    issuers.push_back(MustParse(der));
  }
  auto roots = x509::Certificate::ParsePem(
      tests::ReadAll(deployment_.home() + "/trust/root.pem"));
  if (!roots.ok()) {
    Die("the root: ", roots.status().ToString());
  }
  const auto trust = x509::TrustStore::New(issuers, *std::move(roots));
  if (!trust.ok()) {
    Die("the issuers: ", trust.status().ToString());
  }
  for (const LineLoad::Sample& sample : load.samples()) {
    const x509::Certificate leaf = MustParse(sample.certificate_der);
    const auto chain = trust->Verify(leaf, {.at_time = Clock::Real().Now()});
    const auto csr = x509::Csr::Parse(sample.csr_der);
    if (!chain.ok() || !csr.ok() || leaf->spki_der != csr->spki_der()) {
      Die("a certificate does not verify, or is of another key: ",
          chain.status().ToString());
    }
    ++verified_;
  }
}

uint64_t IssuanceRun::CountRecords() {
  const std::string recorded = deployment_.Sql(absl::StrCat(
      "SELECT count(*) FROM certificates WHERE device_uid IS NOT NULL AND "
      "serial >= decode('",
      first_serial_, "00000000000000000000', 'hex')"));
  const std::string counted =
      deployment_.Sql("SELECT sum(issued) FROM lines WHERE fleet_id = 'bench'");
  if (recorded != absl::StrCat(issued_) || counted != recorded) {
    Die(issued_, " certificates came, ", recorded, " are recorded, the lines ",
        "count ", counted);
  }
  return issued_;
}

}  // namespace birthmark::bench
