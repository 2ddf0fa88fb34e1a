#include "lib/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

namespace birthmark::telemetry {
namespace {

class CounterImpl : public Counter {
 public:
  using Native = prometheus::Counter;
  explicit CounterImpl(Native& native) : native_(native) {}
  void Increment(double by) override { native_.Increment(by); }
  double Value() const override { return native_.Value(); }

 private:
  Native& native_;
};

class GaugeImpl : public Gauge {
 public:
  using Native = prometheus::Gauge;
  explicit GaugeImpl(Native& native) : native_(native) {}
  void Set(double value) override { native_.Set(value); }
  void Add(double by) override { native_.Increment(by); }
  double Value() const override { return native_.Value(); }

 private:
  Native& native_;
};

class HistogramImpl : public Histogram {
 public:
  using Native = prometheus::Histogram;
  explicit HistogramImpl(Native& native) : native_(native) {}
  void Observe(double value) override { native_.Observe(value); }

 private:
  Native& native_;
};

[[noreturn]] void Die(const std::string& name, const char* what) {
  std::fprintf(stderr, "metric %s: %s\n", name.c_str(), what);
  std::abort();
}

template <typename Metric, typename Impl>
class FamilyImpl : public Family<Metric> {
 public:
  using NativeFamily = prometheus::Family<typename Impl::Native>;

  FamilyImpl(NativeFamily& family, std::string name,
             std::vector<std::string> labels, std::vector<double> buckets)
      : family_(family),
        name_(std::move(name)),
        labels_(std::move(labels)),
        buckets_(std::move(buckets)) {
    if (labels_.empty()) {
      With({});  // so that it is there, at zero, from the start
    }
  }

  Metric& With(const std::vector<std::string>& values) override {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = metrics_.find(values);
    if (found == metrics_.end()) {
      found =
          metrics_.emplace(values, std::make_unique<Impl>(Make(values))).first;
    }
    return *found->second;
  }

  const std::vector<std::string>& labels() const { return labels_; }

 private:
  typename Impl::Native& Make(const std::vector<std::string>& values) {
    if (values.size() != labels_.size()) {
      Die(name_, "wrong number of label values");
    }
    prometheus::Labels labels;
    for (size_t i = 0; i < values.size(); ++i) {
      labels.emplace(labels_[i], values[i]);
    }
    if constexpr (std::is_same_v<Metric, Histogram>) {
      return family_.Add(labels, buckets_);
    } else {
      return family_.Add(labels);
    }
  }

  NativeFamily& family_;
  const std::string name_;
  const std::vector<std::string> labels_;
  const std::vector<double> buckets_;
  std::mutex mutex_;
  std::map<std::vector<std::string>, std::unique_ptr<Impl>> metrics_;
};

using CounterFamily = FamilyImpl<Counter, CounterImpl>;
using GaugeFamily = FamilyImpl<Gauge, GaugeImpl>;
using HistogramFamily = FamilyImpl<Histogram, HistogramImpl>;

}  // namespace

const std::vector<double>& LatencyBuckets() {
  static const auto& buckets = *new std::vector<double>{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
      0.25,   0.5,   1,      2.5,   5,    10,    30};
  return buckets;
}

struct Registry::Impl {
  template <typename FamilyType, typename Build>
  FamilyType& Add(std::map<std::string, std::unique_ptr<FamilyType>>& families,
                  const std::string& name, const std::string& help,
                  const std::vector<std::string>& labels,
                  const std::vector<double>& buckets, Build build) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = families.find(name);
    if (found != families.end()) {
      if (found->second->labels() != labels) {
        Die(name, "exists with other labels");
      }
      return *found->second;
    }
    try {
      auto family = std::make_unique<FamilyType>(
          build().Name(name).Help(help).Register(native), name, labels,
          buckets);
      return *families.emplace(name, std::move(family)).first->second;
    } catch (const std::exception& e) {
      Die(name, e.what());
    }
  }

  // A second family of a name would make a scrape fail, so the native registry
  // refuses it.
  prometheus::Registry native{prometheus::Registry::InsertBehavior::Throw};
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<CounterFamily>> counters;
  std::map<std::string, std::unique_ptr<GaugeFamily>> gauges;
  std::map<std::string, std::unique_ptr<HistogramFamily>> histograms;
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Family<Counter>& Registry::AddCounter(const std::string& name,
                                      const std::string& help,
                                      const std::vector<std::string>& labels) {
  return impl_->Add(impl_->counters, name, help, labels, {},
                    [] { return prometheus::BuildCounter(); });
}

Family<Gauge>& Registry::AddGauge(const std::string& name,
                                  const std::string& help,
                                  const std::vector<std::string>& labels) {
  return impl_->Add(impl_->gauges, name, help, labels, {},
                    [] { return prometheus::BuildGauge(); });
}

Family<Histogram>& Registry::AddHistogram(
    const std::string& name, const std::string& help,
    const std::vector<std::string>& labels,
    const std::vector<double>& buckets) {
  return impl_->Add(impl_->histograms, name, help, labels, buckets,
                    [] { return prometheus::BuildHistogram(); });
}

std::string Registry::Text() const {
  return prometheus::TextSerializer().Serialize(impl_->native.Collect());
}

}  // namespace birthmark::telemetry
