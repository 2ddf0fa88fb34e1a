// testing has what the tests of this role share: a CA, and a world of fakes
// around it.

#ifndef BIRTHMARK_SERVICES_STATUS_TESTING_H_
#define BIRTHMARK_SERVICES_STATUS_TESTING_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/fake_clock.h"
#include "lib/http/message.h"
#include "lib/rpc/channel.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_revocation_log.h"
#include "lib/storage/fake_status_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/ocsp_cert_id.h"
#include "lib/x509/ocsp_response_parser.h"
#include "lib/x509/testing.h"
#include "services/status/ca_client.h"
#include "services/status/feed.h"
#include "services/status/issuers.h"
#include "services/status/metrics.h"
#include "services/status/responders.h"
#include "services/status/status_cache.h"

namespace birthmark::status {

// FakeCa is the role `ca` for one issuer, `device`, in memory. Thread-safe.
class FakeCa : public rpc::Channel {
 public:
  // The database gets the CRLs.
  FakeCa(const x509::TestCa& ca, storage::FakeDatabase& database, Clock& clock);

  // Fail has all calls fail so, until it is given OK.
  void Fail(absl::Status status);
  // Spoil changes what a responder's certificate is made of.
  void Spoil(std::function<void(x509::CertificateTemplateSpec&,
                                x509::CertificateVariables&)>
                 spoil);
  // BeforeCrl is called before a CRL is made, with its shard.
  void BeforeCrl(std::function<void(int shard)> before);
  int certified() const;
  // signed_crls are the shards for which SignCrl was called, in order.
  std::vector<int> signed_crls() const;

  absl::Duration responder_life = absl::Hours(24 * 7);
  absl::Duration crl_life = absl::Hours(24);

 protected:
  absl::Status DoUnary(absl::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       absl::Duration timeout) override;

 private:
  absl::StatusOr<std::string> Certify(const std::string& csr_der);
  int64_t SignCrl(const std::string& issuer_id, int shard);

  const x509::TestCa& ca_;
  storage::FakeDatabase& database_;
  Clock& clock_;
  mutable std::mutex mutex_;
  absl::Status failure_;
  std::function<void(x509::CertificateTemplateSpec&,
                     x509::CertificateVariables&)>
      spoil_;
  std::function<void(int)> before_crl_;
  int certified_ = 0;
  std::vector<int> signed_;
};

// MakeCrl returns the DER of a CRL of `ca`'s issuer with these serials, in
// order.
std::string MakeCrl(const x509::TestCa& ca, int shard, uint64_t number,
                    absl::Time this_update, absl::Time next_update,
                    const std::vector<std::string>& serials);

// World is what is around the role: the issuers `device`, of which FakeCa
// knows, and `other`, and a database.
struct World {
  World();

  // Add records a certificate of `issuer_id` on a shard.
  void Add(const std::string& serial, const std::string& issuer_id = "device",
           int shard = 0);
  // Revoke, Hold and Release change a certificate; false if there is none.
  void Revoke(const std::string& serial, int reason = 1);
  void Hold(const std::string& serial);
  void Release(const std::string& serial);
  // Certified gets the responders their certificates, and follows the database.
  void Certified();

  FakeClock clock;
  const x509::TestCa ca;
  const x509::TestCa other_ca;
  const Issuers issuers;
  telemetry::Registry registry;
  Metrics metrics;
  storage::FakeDatabase database;
  storage::FakeStatusStore statuses;
  storage::FakeRevocationLog log;
  FakeCa fake_ca;
  CaClient ca_client;
  StatusCache cache;
  Feed feed;
  Responders responders;

 private:
  void Change(const std::string& serial, storage::RevocationState state,
              int reason);
};

// TestListener hands a listener's callbacks to the test, which calls them. It
// must outlive the listeners that it makes. Thread-safe.
class TestListener {
 public:
  std::unique_ptr<storage::ChangeListener> Listen(
      storage::ChangeListener::Callbacks callbacks);
  // What a new connection, a commit, and the end of a connection cause.
  void Connect();
  void Notify(absl::string_view channel, absl::string_view payload);
  void Lose();

  std::atomic<bool> owner{true};

 private:
  storage::ChangeListener::Callbacks callbacks_;
};

// Ask returns an OCSP request (DER) for serials of `issuer`.
std::string Ask(const x509::Certificate& issuer,
                const std::vector<std::string>& serials,
                x509::OcspHash hash = x509::OcspHash::kSha1,
                std::optional<absl::string_view> nonce = std::nullopt);

// Call gives `request` to a handler and returns its answer, which may come from
// another thread.
http::Response Call(const http::Handler& handler, const http::Request& request);

// Eventually waits until `condition` holds, for some seconds at most; returns
// whether it does.
bool Eventually(const std::function<bool()>& condition);

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_TESTING_H_
