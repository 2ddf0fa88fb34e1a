// InventoryQueries is an operator who looks things up.
#ifndef BIRTHMARK_TESTS_BENCH_INVENTORY_QUERIES_H_
#define BIRTHMARK_TESTS_BENCH_INVENTORY_QUERIES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/grpc_channel.h"
#include "tests/bench/inventory_past.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {

// QueryTimes is what calls of one kind took.
struct QueryTimes {
  std::string name;
  std::string text;  // the filter and order, for people
  std::vector<absl::Duration> times;
  int64_t devices = 0;      // that came
  int64_t short_pages = 0;  // with less than was asked for, and more to come
  int64_t failed = 0;
  std::string failure;  // the last one
};

// WalkTimes is a list whose filter selects nothing, followed to its end.
struct WalkTimes {
  QueryTimes calls;
  bool ended = false;  // false: given up
};

// Not thread-safe. One call after the other. A call that fails is counted.
class InventoryQueries {
 public:
  static constexpr int kPageSize = 50;
  // Pages of a list that are read.
  static constexpr int kPages = 4;

  // Both must outlive it.
  InventoryQueries(tests::Deployment& deployment, const InventoryPast& past);

  // Ping calls what needs no database.
  QueryTimes Ping(int calls);
  // Look-ups by uid, key and certificate.
  std::vector<QueryTimes> LookUp(int calls);
  // Lists by every documented filter, alone and together.
  std::vector<QueryTimes> List(int calls);
  // Counts by every dimension.
  std::vector<QueryTimes> Count(int calls);
  // Lists that are empty though each term selects many; of `most` calls at
  // most.
  std::vector<WalkTimes> WalkEmpty(int most);

 private:
  using ListRequest = device::v1::ListDevicesRequest;
  // Kind is a kind of list; its filter may differ from time to time.
  struct Kind {
    const char* name;
    std::function<std::string()> filter;
    const char* order = "";
    const char* parent = "fleets/home";
  };

  std::vector<Kind> Kinds();
  QueryTimes Time(const std::string& name, int calls,
                  const std::function<absl::Status(QueryTimes&)>& call);
  QueryTimes ListOf(const Kind& kind, int calls);
  // Page reads one, and returns where the next one is.
  std::string Page(ListRequest& request, QueryTimes& times);
  PastDevice Random();
  std::string RandomTime();

  const InventoryPast& past_;
  const std::unique_ptr<rpc::GrpcChannel> channel_;
  std::mt19937_64 chance_{20261122};
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_INVENTORY_QUERIES_H_
