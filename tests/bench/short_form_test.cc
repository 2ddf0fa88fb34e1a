// The benchmarks in short: they run, count what is there, and print figures
// that can be. Never how fast: the machine may have other things to do.
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/process.h"

namespace birthmark::tests {
namespace {

nlohmann::json BenchmarkJson(const std::vector<std::string>& command) {
  const ProcessResult result = RunProgram(command);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
}

void ExpectPositive(const nlohmann::json& json,
                    const std::vector<std::string>& fields) {
  for (const std::string& field : fields) {
    ASSERT_TRUE(json.contains(field)) << field;
    ASSERT_TRUE(json[field].is_number()) << field;
    EXPECT_GT(json[field], 0) << field;
  }
}

void ExpectParts(const nlohmann::json& parts, const nlohmann::json& sum) {
  double total = 0;
  for (const char* process : {"ca", "postgres", "registration"}) {
    ASSERT_TRUE(parts.contains(process)) << process;
    EXPECT_GE(parts[process], 0) << process;
    total += parts[process].get<double>();
  }
  EXPECT_NEAR(total, sum.get<double>(), 0.001 * total);
}

void ExpectIssuanceFigures(const nlohmann::json& json) {
  ExpectPositive(json,
                 {"certificates_per_second", "server_cpu_us", "floor_cpu_us",
                  "floor_all_cores_cpu_us", "share", "p50_ms", "p99_ms",
                  "client_cpu_us", "machine_cpu_us", "commits_per_certificate",
                  "wal_bytes_per_certificate"});
  EXPECT_LT(json["share"], 1.2);
  EXPECT_LE(json["p50_ms"], json["p99_ms"]);
}

TEST(ShortFormTest, Issuance) {
  const nlohmann::json json = BenchmarkJson({"tests/bench/issuance",
                                             "--devices",
                                             "100",
                                             "--compare_devices",
                                             "2000",
                                             "--lines",
                                             "2",
                                             "--batch",
                                             "50",
                                             "--in_flight",
                                             "200",
                                             "--warm_up",
                                             "0.5",
                                             "--ramp_up",
                                             "0.3",
                                             "--seconds",
                                             "0.7",
                                             "--repeats",
                                             "1",
                                             "--arithmetic",
                                             "boringssl",
                                             "--json"});
  ASSERT_TRUE(json.is_object());
  ExpectIssuanceFigures(json);
  ASSERT_EQ(json["repeats"].size(), 1u);
  ExpectIssuanceFigures(json["repeats"][0]);
  ExpectParts(json["repeats"][0]["server_cpu_us_by_process"],
              json["repeats"][0]["server_cpu_us"]);
  EXPECT_EQ(json["arithmetic"], "boringssl");
  ExpectPositive(json, {"certificates", "certificates_verified"});
  EXPECT_EQ(json["certificates"], json["certificates_recorded"]);
  EXPECT_EQ(json["devices"], 100);
  EXPECT_EQ(json["compared"]["devices"], 2000);
  ExpectPositive(json, {"cost_ratio"});
}

TEST(ShortFormTest, Registration) {
  const nlohmann::json json =
      BenchmarkJson({"tests/bench/registration", "--clients", "4", "--seconds",
                     "0.5", "--repeats", "1", "--json"});
  ASSERT_TRUE(json.is_object());
  const std::vector<std::string> fields = {"per_second", "server_cpu_ms",
                                           "client_cpu_ms", "p50_ms", "p99_ms"};
  ExpectPositive(json, fields);
  ExpectPositive(json["handshake"], fields);
  ExpectPositive(json, {"floor_cpu_ms", "registered"});
  EXPECT_EQ(json["registered"], json["recorded"]);
  ExpectParts(json["repeats"][0]["server_cpu_ms_by_process"],
              json["repeats"][0]["server_cpu_ms"]);
  EXPECT_GT(json["server_cpu_ms"], json["handshake"]["server_cpu_ms"]);
}

TEST(ShortFormTest, Overload) {
  const nlohmann::json json =
      BenchmarkJson({"tests/bench/overload", "--lines", "2", "--factor", "2",
                     "--greedy", "1", "--seconds", "1", "--json"});
  ASSERT_TRUE(json.is_object());
  ExpectPositive(json, {"peak_per_second", "overload_per_second",
                        "throughput_ratio", "received"});
  EXPECT_EQ(json["overload_lines"], 4);
  EXPECT_GE(json["recorded"], json["received"]);
  // The greedy line learns why it was sent away, and comes again.
  EXPECT_GT(json["resource_exhausted"]["TOO_MANY_IN_FLIGHT"], 0);
  EXPECT_TRUE(json["other_errors"].empty()) << json["other_errors"];
  for (const char* role : {"ca", "registration"}) {
    ExpectPositive(json["memory_mb"][role], {"before", "early", "late"});
  }
}

TEST(ShortFormTest, Comeback) {
  const nlohmann::json json =
      BenchmarkJson({"tests/bench/comeback", "--devices", "300", "--clients",
                     "100", "--json"});
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["devices"], 300);
  EXPECT_EQ(json["recorded"], 300);
  ExpectPositive(
      json, {"seconds", "per_second", "wait_p99_seconds", "server_cpu_ms"});
  // They found nobody first.
  EXPECT_FALSE(json["failures_before"].empty());
}

TEST(ShortFormTest, Status) {
  const nlohmann::json json = BenchmarkJson(
      {"tests/bench/status", "--certificates", "6000", "--revoked", "1400",
       "--shard_size", "1000", "--asked", "1000", "--connections", "8",
       "--seconds", "1", "--revocations", "20", "--repeats", "1", "--json"});
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["certificates"], 6000);
  EXPECT_EQ(json["revoked"], 1400);
  for (const char* what : {"cached", "nginx", "nginx_open_file_cache", "signed",
                           "signed_pipelined"}) {
    ExpectPositive(json[what], {"per_second", "cpu_us", "bytes"});
  }
  ExpectPositive(json["cached"], {"p50_ms", "p99_ms"});
  // Nobody who signs is quicker than somebody who only signs.
  ExpectPositive(json, {"ocsp_cached_to_nginx", "ocsp_signed_to_bound",
                        "ocsp_signed_to_bound_wall", "signatures_per_second"});
  EXPECT_LT(json["ocsp_signed_to_bound"], 1.2);
  EXPECT_LT(json["cached"]["cpu_us"], json["signed"]["cpu_us"]);
  ExpectPositive(json, {"rss_mib", "shard_20k_ms", "shard_20k_incremental_ms"});
  EXPECT_GE(json["memory"]["ocsp_answers"], 1000);
  EXPECT_EQ(json["memory"]["shards"], 6);
  EXPECT_EQ(json["shard_entries"], 1002);
  for (const char* what :
       {"revoke", "revoke_few", "revoke_clients", "revoke_few_clients"}) {
    ExpectPositive(json[what], {"p50_ms", "p99_ms", "per_second"});
  }
  ExpectPositive(json, {"revoke_p99_ms", "revoke_growth"});
}

TEST(ShortFormTest, Inventory) {
  const nlohmann::json json =
      BenchmarkJson({"tests/bench/inventory", "--devices", "3000", "--calls",
                     "10", "--pool", "4", "--reports", "20", "--seconds", "1",
                     "--job_devices", "200", "--json"});
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["devices"], 3000);
  EXPECT_FALSE(json.contains("failed")) << json["failed"];
  for (const char* query :
       {"ping", "get_by_uid", "get_by_key", "get_by_certificate", "all",
        "state.rare", "label.common", "firmware.rare", "count.by_all"}) {
    ExpectPositive(json["p50_ms"], {query});
    EXPECT_LE(json["p50_ms"][query], json["p99_ms"][query]);
  }
  for (const auto& walk : json["empty"]) {
    EXPECT_EQ(walk["ended"], true);
  }
  EXPECT_EQ(json["reports"]["failed"], 0);
  ExpectPositive(json, {"reports_per_second", "quarantine_per_second",
                        "release_per_second", "decommission_per_second"});
  // Those of the batch that were in quarantine before, too.
  EXPECT_LE(json["jobs"]["quarantine"]["done"],
            json["jobs"]["release"]["done"]);
  EXPECT_EQ(json["jobs"]["decommission"]["failed"], 0);
}

}  // namespace
}  // namespace birthmark::tests
