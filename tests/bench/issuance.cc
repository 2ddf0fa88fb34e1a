// What bulk issuance costs, over real processes. docs/performance.md says what
// the figures mean.
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "lib/crypto/batch_verifier.h"
#include "tests/bench/issuance_report.h"
#include "tests/bench/issuance_run.h"

namespace birthmark::bench {
namespace {

// For people, who wait: not part of the output.
void Say(const std::string& text) { std::cerr << text << std::flush; }

struct Flags {
  int64_t devices = 10000;
  int64_t compare_devices = 0;
  crypto::Arithmetic arithmetic = crypto::BestArithmetic();
  int lines = 4;
  size_t batch = 100;
  size_t in_flight = 0;
  double seconds = 6;
  double warm_up = 4;
  double ramp_up = 1;
  int repeats = 5;
  bool json = false;
};

// Subject is a deployment under measurement, and what came of it so far.
struct Subject {
  IssuanceOptions options;
  std::unique_ptr<IssuanceRun> run;
  std::vector<Figures> repeats;
};

Subject Prepare(const Flags& flags, int64_t devices) {
  Subject subject;
  subject.options.devices = devices;
  subject.options.arithmetic = flags.arithmetic;
  subject.options.lines = flags.lines;
  subject.options.items_per_message = flags.batch;
  subject.options.in_flight = flags.in_flight;
  subject.options.duration = absl::Seconds(flags.seconds);
  subject.options.ramp_up = absl::Seconds(flags.ramp_up);
  subject.options.warm_up = absl::Seconds(flags.warm_up);
  subject.run = std::make_unique<IssuanceRun>(subject.options);
  Say(absl::StrCat(devices, " devices made before, in ",
                   absl::FormatDuration(subject.run->load_time()), "\n"));
  subject.run->WarmUp();
  return subject;
}

nlohmann::json Summary(const Subject& subject) {
  nlohmann::json json = ToJson(Median(subject.repeats));
  json["arithmetic"] =
      std::string(crypto::ArithmeticName(subject.options.arithmetic));
  json["devices"] = subject.options.devices;
  json["load_seconds"] = absl::ToDoubleSeconds(subject.run->load_time());
  json["certificates"] = subject.run->issued();
  json["certificates_recorded"] = subject.run->CountRecords();
  json["certificates_verified"] = subject.run->verified();
  json["lines"] = subject.options.lines;
  json["items_per_message"] = subject.options.items_per_message;
  for (const Figures& figures : subject.repeats) {
    json["repeats"].push_back(ToJson(figures));
  }
  return json;
}

int Run(const Flags& flags) {
  Say(absl::StrCat("arithmetic: ", crypto::ArithmeticName(flags.arithmetic),
                   "\n"));
  std::vector<Subject> subjects;
  subjects.push_back(Prepare(flags, flags.devices));
  if (flags.compare_devices > 0) {
    subjects.push_back(Prepare(flags, flags.compare_devices));
  }
  Say(TableHead());
  // In turns, since the machine's speed drifts.
  for (int i = 1; i <= flags.repeats; ++i) {
    for (Subject& subject : subjects) {
      subject.repeats.push_back(FiguresOf(subject.run->Measure()));
      Say(TableRow(absl::StrCat(i), subject.repeats.back()));
    }
  }
  nlohmann::json json = Summary(subjects[0]);
  for (const Subject& subject : subjects) {
    Say(absl::StrCat("median with ", subject.options.devices, " devices\n",
                     TableRow("", Median(subject.repeats))));
  }
  if (subjects.size() > 1) {
    json["compared"] = Summary(subjects[1]);
    const double ratio = json["compared"]["server_cpu_us"].get<double>() /
                         json["server_cpu_us"].get<double>();
    json["cost_ratio"] = ratio;
    Say(absl::StrFormat("server CPU grows by the factor %.3f\n", ratio));
  }
  if (flags.json) {
    std::cout << json.dump(2) << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app(
      "Measures what bulk issuance costs. Starts all it needs, and removes "
      "it.");
  app.option_defaults()->always_capture_default();
  app.add_option("--devices", flags.devices,
                 "devices that exist before the measurement")
      ->check(CLI::Range(int64_t{0}, int64_t{100000000}));
  app.add_option("--compare_devices", flags.compare_devices,
                 "measure a second deployment with so many, in turns; 0: none")
      ->check(CLI::Range(int64_t{0}, int64_t{100000000}));
  app.add_option("--lines", flags.lines, "provisioning lines at a time")
      ->check(CLI::Range(1, 64));
  app.add_option("--batch", flags.batch, "items in a message")
      ->check(CLI::Range(1, 1000));
  app.add_option("--in_flight", flags.in_flight,
                 "items of a line unanswered; 0: what the server allows");
  app.add_option("--seconds", flags.seconds, "how long a repeat measures")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--warm_up", flags.warm_up,
                 "seconds of load before the first repeat")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--ramp_up", flags.ramp_up,
                 "seconds of load before each measurement")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--repeats", flags.repeats, "measurements")
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", flags.json, "print JSON to standard output");
  std::string arithmetic = "auto";
  app.add_option("--arithmetic", arithmetic, "what verifies signatures")
      ->check(CLI::IsMember({"auto", "boringssl", "crypto_mb"}));
  CLI11_PARSE(app, argc, argv);
  if (arithmetic == "boringssl") {
    flags.arithmetic = crypto::Arithmetic::kBoringSsl;
  } else if (arithmetic == "crypto_mb" &&
             flags.arithmetic != crypto::Arithmetic::kCryptoMb) {
    std::cerr << "this machine cannot run crypto_mb\n";
    return 1;
  }
  return Run(flags);
}

}  // namespace
}  // namespace birthmark::bench

int main(int argc, char** argv) { return birthmark::bench::Main(argc, argv); }
