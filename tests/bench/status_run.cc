#include "tests/bench/status_run.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/x509/crl.h"
#include "lib/x509/pem.h"
#include "tests/bench/cpu_account.h"
#include "tests/bench/end_on_signal.h"
#include "tests/support/process.h"

namespace birthmark::bench {
namespace {

// Signatures and ETags differ by some octets, and so do Connection fields.
constexpr double kBytesOfChance = 40;
constexpr absl::Duration kCrlsInTime = absl::Minutes(20);
constexpr char kIssuer[] = "idevid";

template <typename... Parts>
[[noreturn]] void Die(const Parts&... parts) {
  std::cerr << absl::StrCat(parts...) << std::endl;
  exit(1);
}

int64_t Count(tests::Deployment& deployment, const std::string& from) {
  const std::string text =
      deployment.Sql(absl::StrCat("SELECT count(*) FROM ", from));
  int64_t count = 0;
  if (!absl::SimpleAtoi(text, &count)) {
    Die("'", text, "' is no count");
  }
  return count;
}

x509::Certificate Issuer(const tests::Deployment& deployment) {
  auto der =
      x509::PemDecodeOne(tests::ReadAll(absl::StrCat(
                             deployment.home(), "/trust/", kIssuer, ".pem")),
                         "CERTIFICATE");
  if (!der.ok()) {
    Die("the issuer's certificate: ", der.status().ToString());
  }
  auto certificate = x509::Certificate::Parse(*der);
  if (!certificate.ok()) {
    Die("the issuer's certificate: ", certificate.status().ToString());
  }
  return *std::move(certificate);
}

HttpCost CostOf(const WrkResult& result, absl::Duration cpu) {
  return {.per_second = result.per_second(),
          .cpu_us = absl::ToDoubleMicroseconds(cpu) /
                    static_cast<double>(result.answers),
          .bytes = result.bytes_each(),
          .p50_ms = absl::ToDoubleMilliseconds(result.p50),
          .p99_ms = absl::ToDoubleMilliseconds(result.p99)};
}

}  // namespace

// Site is a deployment with a past.
struct StatusRun::Site {
  explicit Site(const PastCertificatesOptions& options)
      : deployment({.durable = true,
                    .tcp = true,
                    .status = true,
                    .public_url = "http://status.birthmark.test"}),
        past(deployment.postgres(), options) {
    if (getenv("BIRTHMARK_KEEP") == nullptr) {
      RemoveOnSignal(deployment.dir());
    }
  }

  void Load();

  tests::Deployment deployment;
  PastCertificates past;
  std::unique_ptr<RevokeLoad> revoke;
};

void StatusRun::Site::Load() {
  for (const char* role : {"status", "registration", "inventory", "ca"}) {
    deployment.process(role).Stop();
  }
  past.Add();
  for (const char* role : {"ca", "inventory", "registration", "status"}) {
    deployment.Start(role);
  }
  const absl::Duration give_up = Clock::Real().MonotonicNow() + kCrlsInTime;
  int64_t missing = 1;
  while (missing > 0) {
    if (Clock::Real().MonotonicNow() > give_up) {
      Die(missing, " shards have no CRL:\n", deployment.process("status").Err(),
          deployment.process("ca").Err());
    }
    absl::SleepFor(absl::Milliseconds(500));
    missing = Count(deployment,
                    "crl_shards s WHERE NOT EXISTS (SELECT FROM crls c WHERE "
                    "c.issuer_id = s.issuer_id AND c.crl_shard = s.crl_shard)");
  }
}

StatusRun::StatusRun(const StatusOptions& options)
    : options_(options),
      many_(std::make_unique<Site>(
          PastCertificatesOptions{.certificates = options.certificates,
                                  .revoked = options.revoked,
                                  .shard_size = options.shard_size,
                                  .full_shard = options.shard_size})),
      ocsp_(std::make_unique<OcspLoad>(Issuer(many_->deployment))) {}

StatusRun::~StatusRun() = default;

absl::Duration StatusRun::Load() {
  const absl::Duration start = Clock::Real().MonotonicNow();
  many_->Load();
  many_->revoke = std::make_unique<RevokeLoad>(many_->deployment, kIssuer,
                                               options_.clients);
  return Clock::Real().MonotonicNow() - start;
}

int64_t StatusRun::CountRevoked() {
  return Count(many_->deployment, "revocations WHERE state = 2");
}

WrkOptions StatusRun::Wrk(const std::string& address, int pipelined) const {
  return {.address = address,
          .threads = options_.wrk_threads,
          .connections = options_.connections,
          .pipelined = pipelined,
          .duration = options_.duration,
          .folder = many_->deployment.dir()};
}

void StatusRun::WarmUp() {
  const std::string& dir = many_->deployment.dir();
  cached_ = many_->past.Sample(options_.cached);
  cached_requests_ = ocsp_->Get(dir + "/cached.txt", cached_);
  fresh_requests_ = ocsp_->PostFresh(dir + "/fresh.bin", cached_);
  const std::string address = many_->deployment.HttpAddress();
  WrkOptions warm_up = Wrk(address, 1);
  warm_up.duration = absl::Seconds(2);
  RunWrk(warm_up, cached_requests_);
  std::string answer;
  for (const size_t i : {size_t{0}, cached_.size() / 2, cached_.size() - 1}) {
    answer = ocsp_->Fetch(address, cached_[i]);
  }
  answer_bytes_ = static_cast<double>(answer.size());

  nginx_ = std::make_unique<StaticServer>();
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  std::vector<std::string> targets;
  for (const std::string& serial : cached_) {
    // As long as the usual base64 of a request.
    const std::string name = absl::StrCat(
        std::string(80, 'x'), absl::BytesToHexString(serial), ".der");
    nginx_->Put(name, body);
    targets.push_back("/" + name);
  }
  nginx_requests_ = WrkRequests::Get(dir + "/nginx.txt", targets);
}

HttpCost StatusRun::MeasureStatus(const WrkRequests& requests, int pipelined,
                                  double least_bytes) {
  const pid_t pid = many_->deployment.process("status").pid();
  const absl::Duration before = ProcessCpu(pid);
  const WrkResult result =
      RunWrk(Wrk(many_->deployment.HttpAddress(), pipelined), requests);
  const HttpCost cost = CostOf(result, ProcessCpu(pid) - before);
  // An answer like tryLater is a short one.
  if (cost.bytes < least_bytes) {
    Die("answers have ", cost.bytes, " bytes each instead of ", least_bytes);
  }
  return cost;
}

HttpCost StatusRun::MeasureCached() {
  return MeasureStatus(cached_requests_, 1, answer_bytes_ - kBytesOfChance);
}

HttpCost StatusRun::MeasureSigned(int pipelined) {
  // Fewer header fields, but a nonce.
  return MeasureStatus(fresh_requests_, pipelined, answer_bytes_ * 0.7);
}

HttpCost StatusRun::MeasureNginx(bool kept_open) {
  const absl::Duration before = TreeCpu(nginx_->pid());
  const WrkResult result =
      RunWrk(Wrk(kept_open ? nginx_->cached_address() : nginx_->address(), 1),
             nginx_requests_);
  return CostOf(result, TreeCpu(nginx_->pid()) - before);
}

StatusMemory StatusRun::MeasureMemory() {
  tests::Deployment& deployment = many_->deployment;
  const pid_t pid = deployment.process("status").pid();
  StatusMemory memory;
  memory.at_start = ResidentBytes(pid);
  // One turn through all, of which the cache forgets the first again.
  WrkOptions wrk = Wrk(deployment.HttpAddress(), 1);
  const WrkRequests all = ocsp_->Post(deployment.dir() + "/all.bin",
                                      many_->past.Sample(options_.asked));
  while (memory.ocsp_answers < static_cast<uint64_t>(options_.asked)) {
    memory.ocsp_answers += RunWrk(wrk, all).answers;
    wrk.duration = std::min(wrk.duration * 2, absl::Seconds(60));
  }
  memory.shards = many_->past.shards();
  std::vector<std::string> targets;
  for (int64_t shard = 1; shard <= memory.shards; ++shard) {
    targets.push_back(absl::StrCat("/crl/", kIssuer, "/", shard, ".crl"));
  }
  const WrkRequests crls =
      WrkRequests::Get(deployment.dir() + "/crls.txt", targets);
  wrk.duration = options_.duration;
  while (memory.crl_answers < static_cast<uint64_t>(2 * memory.shards)) {
    memory.crl_answers += RunWrk(wrk, crls).answers;
  }
  memory.at_end = ResidentBytes(pid);
  memory.peak = PeakResidentBytes(pid);
  return memory;
}

absl::Duration StatusRun::ServerCpu() {
  tests::Deployment& deployment = many_->deployment;
  return ProcessCpu(deployment.process("ca").pid()) +
         ProcessCpu(deployment.process("registration").pid()) +
         TreeCpu(deployment.postgres().postmaster());
}

CrlTimes StatusRun::MeasureCrl() {
  tests::Deployment& deployment = many_->deployment;
  const int64_t shard = many_->past.shards();
  deployment.process("status").Stop();
  CrlTimes times;
  int64_t number = many_->revoke->FetchCrl(shard).number;
  const auto fetch_new = [&](absl::Duration& cpu) {
    const absl::Duration before = ServerCpu();
    const RevokeLoad::Crl crl = many_->revoke->FetchCrl(shard);
    cpu = ServerCpu() - before;
    if (crl.number <= number) {
      Die("the CRL was not made anew");
    }
    number = crl.number;
    const auto parsed = x509::Crl::Parse(crl.der);
    if (!parsed.ok()) {
      Die(parsed.status().ToString());
    }
    times.entries = static_cast<int64_t>((*parsed)->entry_count);
    times.bytes = static_cast<int64_t>(crl.der.size());
    return crl.time;
  };
  many_->revoke->Revoke(many_->past.FreshOfFullShard(1), 1);
  times.incremental = fetch_new(times.incremental_cpu);
  const int64_t before = times.entries;
  many_->revoke->Revoke(many_->past.FreshOfFullShard(1), 1);
  deployment.Sql(absl::StrCat("DELETE FROM crls WHERE issuer_id = '", kIssuer,
                              "' AND crl_shard = ", shard));
  times.whole = fetch_new(times.whole_cpu);
  if (before <= options_.shard_size || times.entries != before + 1) {
    Die("the CRL has ", times.entries, " entries");
  }
  deployment.Start("status");
  return times;
}

void StatusRun::StartFew() {
  few_ = std::make_unique<Site>(
      PastCertificatesOptions{.certificates = options_.few_certificates,
                              .revoked = options_.few_revoked,
                              .shard_size = options_.shard_size});
  few_->Load();
  few_->revoke =
      std::make_unique<RevokeLoad>(few_->deployment, kIssuer, options_.clients);
}

RevokeCost StatusRun::Revoke(bool many, int clients) {
  Site& site = many ? *many_ : *few_;
  const std::vector<std::string> serials =
      site.past.Fresh(options_.revocations);
  const pid_t registration = site.deployment.process("registration").pid();
  const pid_t postgres = site.deployment.postgres().postmaster();
  const absl::Duration registration_before = ProcessCpu(registration);
  const absl::Duration postgres_before = TreeCpu(postgres);
  const absl::Duration start = Clock::Real().MonotonicNow();
  RevokeCost cost;
  cost.times = site.revoke->Revoke(serials, clients);
  const absl::Duration time = Clock::Real().MonotonicNow() - start;
  const double count = static_cast<double>(serials.size());
  cost.per_second = count / absl::ToDoubleSeconds(time);
  cost.registration_cpu_ms =
      absl::ToDoubleMilliseconds(ProcessCpu(registration) -
                                 registration_before) /
      count;
  cost.postgres_cpu_ms =
      absl::ToDoubleMilliseconds(TreeCpu(postgres) - postgres_before) / count;
  return cost;
}

}  // namespace birthmark::bench
