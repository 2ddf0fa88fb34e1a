// metrics is the door to Prometheus: counters, gauges and histograms with fixed
// label names, and the text that a scrape gets. No ids as label values: a label
// has few values, for ever.
//
//   auto& issued = registry.AddCounter("birthmark_ca_issued_total",
//                                      "Certificates issued.", {"profile"});
//   issued.With({"idevid"}).Increment();

#ifndef BIRTHMARK_LIB_TELEMETRY_METRICS_H_
#define BIRTHMARK_LIB_TELEMETRY_METRICS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace birthmark::telemetry {

// Metrics are thread-safe, cheap (an atomic addition), and live as long as
// their registry.

// Counter only goes up.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Increment(double by = 1) = 0;
  virtual double Value() const = 0;
};

// Gauge goes up and down.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double by) = 0;
  virtual double Value() const = 0;
};

// Histogram counts observations in buckets.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// Family is one metric name with its label names. With returns the metric for
// the given label values, one for each label name in order, and makes it if it
// is new. Keep the reference on hot paths.
template <typename Metric>
class Family {
 public:
  virtual ~Family() = default;
  virtual Metric& With(const std::vector<std::string>& label_values) = 0;
};

// LatencyBuckets are the upper bounds in seconds for latencies: 0.5 ms to 30 s.
const std::vector<double>& LatencyBuckets();

// Registry owns metrics. Thread-safe. A name that is taken with another kind
// or other labels, or that Prometheus does not allow, ends the process: it is a
// mistake in the program. The same name again returns the same family.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  Family<Counter>& AddCounter(const std::string& name, const std::string& help,
                              const std::vector<std::string>& labels = {});
  Family<Gauge>& AddGauge(const std::string& name, const std::string& help,
                          const std::vector<std::string>& labels = {});
  Family<Histogram>& AddHistogram(
      const std::string& name, const std::string& help,
      const std::vector<std::string>& labels = {},
      const std::vector<double>& buckets = LatencyBuckets());

  // Text returns all metrics in Prometheus' text format 0.0.4.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::telemetry

#endif  // BIRTHMARK_LIB_TELEMETRY_METRICS_H_
