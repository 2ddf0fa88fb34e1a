#include "tests/bench/device_pool.h"

#include <sys/stat.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/keys/kek.h"
#include "lib/keys/local_key.h"
#include "lib/keys/sealed_file.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/extension.h"
#include "lib/x509/oid.h"
#include "lib/x509/pem.h"
#include "lib/x509/serial.h"
#include "lib/x509/spiffe.h"

namespace birthmark::bench {
namespace {

// The statement is an argument of a program, which has a limit.
constexpr size_t kRowsOfStatement = 40;
// Goes all over: a prime.
constexpr int64_t kStride = 1000003;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << "cannot make devices: " << value.status() << std::endl;
    exit(1);
  }
  return *std::move(value);
}

class PoolMaker {
 public:
  explicit PoolMaker(tests::Deployment& deployment)
      : deployment_(deployment),
        issuer_pem_(tests::ReadAll(deployment.home() + "/trust/ldevid.pem")),
        issuer_(Must(x509::Certificate::Parse(
            Must(x509::PemDecodeAll(issuer_pem_, x509::kPemCertificate))
                .front()))),
        key_(Must(keys::FileSigner::Open(
            deployment.home() + "/ca/ldevid.sealed", "ldevid",
            Must(keys::LoadKek(deployment.home() + "/ca/kek"))))) {
    x509::CertificateTemplateSpec spec;
    spec.signature_algorithm = key_->algorithm();
    spec.issuer_name_der = std::string(issuer_->subject_der);
    spec.issuer_key_id =
        Must(x509::SubjectKeyId(key_->public_key().spki_der()));
    spec.key_usage = x509::kKeyUsageDigitalSignature;
    spec.extended_key_usages.emplace_back(x509::oids::kClientAuth);
    template_ = Must(x509::CertificateTemplate::New(spec));
    mkdir((deployment.dir() + "/pool").c_str(), 0700);
  }

  PooledDevice Make(const PastDevice& device) {
    const absl::Time now = Clock::Real().Now();
    const auto key =
        Must(keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256));
    const std::string serial = Must(
        x509::SerialFromHex(crypto::RandomSerialSource(Clock::Real()).Next()));
    const std::string uid = UuidText(device.uid);
    x509::CertificateVariables vars;
    vars.serial = serial;
    vars.not_before = now - absl::Hours(1);
    vars.not_after = now + absl::Hours(24 * 80);
    vars.spki_der = key->public_key().spki_der();
    vars.subject_alt_names.uris = {
        Must(x509::SpiffeId{.trust_domain = tests::Deployment::kTrustDomain,
                            .kind = x509::SpiffeKind::kDevice,
                            .fleet = device.line->fleet,
                            .name = uid}
                 .ToUri())};
    const std::string tbs = Must(template_->BuildTbs(vars));
    const std::string der = Must(x509::AssembleCertificate(
        tbs, key_->algorithm(), Must(key_->Sign(tbs))));
    const std::string path = absl::StrCat(deployment_.dir(), "/pool/", uid);
    tests::WriteFile(path + ".pem",
                     x509::PemEncode(x509::kPemCertificate, der) + issuer_pem_);
    if (!key->Save(path + ".key").ok()) {
      Must<int>(absl::InternalError("a key"));
    }
    Record(device, serial, crypto::Sha256(vars.spki_der), der, now);
    return {
        .model = device.model,
        .name = absl::StrCat("fleets/", device.line->fleet, "/devices/", uid),
        .channel = Must(rpc::GrpcChannel::New(
            {.address = deployment_.Address("registration"),
             .server_name = tests::Deployment::ServerName("registration"),
             .roots_file = deployment_.home() + "/trust/root.pem",
             .identity = {path + ".pem", path + ".key"}}))};
  }

  // Flush writes the rows that Make has noted.
  void Flush() {
    if (keys_.empty()) {
      return;
    }
    deployment_.Sql(absl::StrCat(
        "INSERT INTO keys (spki_sha256, device_uid, owner, usage, state, "
        "algorithm, bits, serial, profile, create_time) VALUES ",
        absl::StrJoin(keys_, ","),
        "; INSERT INTO certificates (serial, issuer_id, profile, "
        "profile_version, spki_sha256, device_uid, fleet_id, crl_shard, "
        "not_before, not_after, certificate_der, create_time) VALUES ",
        absl::StrJoin(certificates_, ","),
        "; UPDATE devices d SET current_serial = u.serial FROM (VALUES ",
        absl::StrJoin(current_, ","),
        ") AS u (uid, serial) WHERE d.device_uid = u.uid"));
    keys_.clear();
    certificates_.clear();
    current_.clear();
  }

 private:
  static std::string Hex(absl::string_view octets) {
    return absl::StrCat("'\\x", absl::BytesToHexString(octets), "'::bytea");
  }

  void Record(const PastDevice& device, const std::string& serial,
              const std::string& spki_sha256, const std::string& der,
              absl::Time now) {
    const std::string uid = absl::StrCat("'", UuidText(device.uid), "'::uuid");
    const std::string time =
        absl::StrCat("to_timestamp(", absl::ToUnixSeconds(now), ")");
    keys_.push_back(absl::StrCat("(", Hex(spki_sha256), ",", uid, ",'fleets/",
                                 device.line->fleet, "/devices/",
                                 UuidText(device.uid), "',2,1,1,256,",
                                 Hex(serial), ",'ldevid',", time, ")"));
    certificates_.push_back(absl::StrCat(
        "(", Hex(serial), ",'ldevid','ldevid',1,", Hex(spki_sha256), ",", uid,
        ",'", device.line->fleet, "',1,", time, " - interval '1 hour',", time,
        " + interval '80 days',", Hex(der), ",", time, ")"));
    current_.push_back(absl::StrCat("(", uid, ",", Hex(serial), ")"));
    if (keys_.size() == kRowsOfStatement) {
      Flush();
    }
  }

  tests::Deployment& deployment_;
  const std::string issuer_pem_;
  const x509::Certificate issuer_;
  const std::unique_ptr<keys::FileSigner> key_;
  std::optional<x509::CertificateTemplate> template_;
  std::vector<std::string> keys_, certificates_, current_;
};

}  // namespace

std::vector<PooledDevice> MakeDevicePool(tests::Deployment& deployment,
                                         const InventoryPast& past, int count) {
  PoolMaker maker(deployment);
  std::vector<PooledDevice> pool;
  int64_t number = absl::ToUnixMillis(Clock::Real().Now());
  while (pool.size() < static_cast<size_t>(count)) {
    number += kStride;
    const PastDevice device = past.At(number % past.devices());
    // Some are not active any more since an earlier run.
    if (device.state == 2 &&
        deployment.Sql(absl::StrCat("SELECT state FROM devices WHERE "
                                    "device_uid = '",
                                    UuidText(device.uid), "'")) == "2") {
      pool.push_back(maker.Make(device));
    }
  }
  maker.Flush();
  return pool;
}

}  // namespace birthmark::bench
