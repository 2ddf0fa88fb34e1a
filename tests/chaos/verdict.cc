#include "tests/chaos/verdict.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/crypto/hash.h"
#include "lib/x509/certificate.h"
#include "lib/x509/chain.h"
#include "lib/x509/csr.h"
#include "lib/x509/pem.h"

namespace birthmark::chaos {
namespace {

using tests::Deployment;

constexpr char kItems[] = R"(
    SELECT i.item_id, i.error_reason, encode(i.serial, 'hex'),
           encode(k.spki_sha256, 'hex'), encode(c.spki_sha256, 'hex'),
           i.device_uid, k.device_uid, c.device_uid, d.serial_number,
           encode(c.certificate_der, 'hex')
    FROM batch_items i
    LEFT JOIN keys k ON k.serial = i.serial
    LEFT JOIN certificates c ON c.serial = i.serial
    LEFT JOIN devices d ON d.device_uid = i.device_uid)";
constexpr char kCertificates[] = R"(
    SELECT encode(sha256(c.certificate_der), 'hex'), count(a.resource)
    FROM certificates c
    LEFT JOIN audit_entries a
      ON a.action = 'certificate.issue'
     AND a.resource = format('issuers/%s/certificates/%s', c.issuer_id,
                             encode(c.serial, 'hex'))
    GROUP BY c.serial)";

// Statements that must give the number of items.
constexpr std::pair<const char*, const char*> kAsManyAsItems[] = {
    {"devices", "SELECT count(*) FROM devices"},
    {"boards: model and serial number",
     "SELECT count(DISTINCT (fleet_id, model, serial_number)) FROM devices"},
    {"items of the batch that have a certificate",
     "SELECT count(DISTINCT (batch_key, item_id)) FROM batch_items "
     "JOIN certificates USING (serial)"},
    {"keys of devices",
     "SELECT count(*) FROM keys WHERE device_uid IS NOT NULL"},
    {"serial numbers reserved for them",
     "SELECT count(DISTINCT serial) FROM keys WHERE device_uid IS NOT NULL"},
    {"certificates of devices",
     "SELECT count(*) FROM certificates WHERE device_uid IS NOT NULL"},
    {"keys in these certificates",
     "SELECT count(DISTINCT spki_sha256) FROM certificates "
     "WHERE device_uid IS NOT NULL"},
    {"devices of these certificates",
     "SELECT count(DISTINCT device_uid) FROM certificates"},
    {"events 'provisioned'",
     "SELECT count(*) FROM device_events WHERE kind = 'provisioned'"},
    {"audit entries device.provision",
     "SELECT count(*) FROM audit_entries WHERE action = 'device.provision'"},
    {"devices counted on the line", "SELECT sum(issued) FROM lines"},
};

// Statements that must give nothing.
constexpr std::pair<const char*, const char*> kNone[] = {
    {"rows that refer to a device, line or batch that is not there",
     "SELECT device_uid FROM (SELECT device_uid FROM keys UNION ALL "
     "SELECT device_uid FROM batch_items UNION ALL "
     "SELECT device_uid FROM device_events UNION ALL "
     "SELECT device_uid FROM certificates) r "
     "WHERE device_uid IS NOT NULL AND device_uid NOT IN "
     "(SELECT device_uid FROM devices) UNION ALL "
     "SELECT device_uid FROM devices WHERE (fleet_id, line_id) NOT IN "
     "(SELECT fleet_id, line_id FROM lines) UNION ALL "
     "SELECT device_uid FROM batch_items WHERE batch_key NOT IN "
     "(SELECT batch_key FROM batches)"},
    {"devices without their event",
     "SELECT device_uid FROM devices d WHERE NOT EXISTS ("
     "SELECT FROM device_events e WHERE e.device_uid = d.device_uid "
     "AND kind = 'provisioned')"},
    {"devices without their audit entry",
     "SELECT device_uid FROM devices WHERE NOT EXISTS ("
     "SELECT FROM audit_entries WHERE action = 'device.provision' "
     "AND resource = format('fleets/%s/devices/%s', fleet_id, device_uid))"},
    {"audit entries of certificates that are not recorded",
     "SELECT resource FROM audit_entries WHERE action = 'certificate.issue' "
     "AND NOT EXISTS (SELECT FROM certificates WHERE serial = "
     "decode(split_part(resource, '/', 4), 'hex'))"},
    {"refused keys",
     "SELECT resource FROM audit_entries "
     "WHERE action = 'key.reuse_refused'"},
    {"audit entries whose bytes do not have their hash",
     "SELECT entry_id FROM audit_entries WHERE leaf_hash <> "
     "sha256('\\x00'::bytea || convert_to(entry, 'UTF8'))"},
};

using Rows = std::vector<std::vector<std::string>>;

Rows Query(Deployment& deployment, const char* statement) {
  Rows rows;
  const std::string text = deployment.postgres().Sql("birthmark", statement);
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    rows.push_back(absl::StrSplit(line, '|'));
  }
  return rows;
}

std::vector<x509::Certificate> ReadTrust(const Deployment& deployment,
                                         const std::string& name) {
  auto certificates = x509::Certificate::ParsePem(
      tests::ReadAll(absl::StrCat(deployment.home(), "/trust/", name)));
  if (!certificates.ok()) {
    std::cerr << name << ": " << certificates.status() << std::endl;
    std::exit(1);
  }
  return *std::move(certificates);
}

// Leaf returns the first certificate of a file; none if the file is torn.
std::optional<x509::Certificate> Leaf(const std::string& pem) {
  const auto chain = x509::Certificate::ParsePem(pem);
  if (!chain.ok() || chain->size() < 2) {
    return std::nullopt;
  }
  return chain->front();
}

// The hash of the key in ID.csr, in hex.
std::string RequestedKey(const Evidence& evidence, const std::string& id) {
  const auto der = x509::PemOrDer(
      tests::ReadAll(absl::StrCat(evidence.csr_dir, "/", id, ".csr")),
      x509::kPemCsr);
  const auto csr = x509::Csr::Parse(der.value_or(""));
  return csr.ok() ? HexEncode(crypto::Sha256(csr->spki_der())) : "";
}

// Trusted judges certificates by the deployment's issuer of IDevIDs.
class Trusted {
 public:
  explicit Trusted(const Deployment& deployment)
      : issuers_(ReadTrust(deployment, "idevid.pem")),
        roots_(ReadTrust(deployment, "root.pem")) {}

  bool Verifies(const x509::Certificate& leaf) const {
    return x509::VerifyChain(
               leaf, issuers_, roots_,
               {.at_time = Clock::Real().Now(), .required_eku = {}})
        .ok();
  }

 private:
  const std::vector<x509::Certificate> issuers_;
  const std::vector<x509::Certificate> roots_;
};

// ItemFault says what is wrong with an item; nothing if all is well.
std::string ItemFault(const Evidence& evidence, const std::string& id,
                      const Rows& rows, const Trusted& trusted) {
  const auto file = evidence.contents.find(id + ".pem");
  if (file == evidence.contents.end()) {
    return "has no file";
  }
  if (file->second.size() != 1) {
    return "had a file with more than one content";
  }
  const auto leaf = Leaf(*file->second.begin());
  if (!leaf.has_value()) {
    return "has a file that is no certificate and issuer";
  }
  if (rows.size() != 1 || rows[0].size() != 10) {
    return absl::StrCat("is recorded ", rows.size(), " times");
  }
  const std::vector<std::string>& row = rows[0];
  const std::string key = RequestedKey(evidence, id);
  if (HexEncode(crypto::Sha256((*leaf)->spki_der)) != key) {
    return "has a certificate for another key than its CSR's";
  }
  if (row[3] != key || row[4] != key) {
    return "is recorded with another key";
  }
  if (row[9] != HexEncode((*leaf)->der) || row[2] != (*leaf)->serial_hex) {
    return "is recorded with another certificate";
  }
  if (!row[1].empty() || row[5].empty() || row[6] != row[5] ||
      row[7] != row[5]) {
    return "and its key and certificate do not belong to one device";
  }
  if (row[8] != absl::StrCat("SN-", id)) {
    return "is recorded for another board";
  }
  return trusted.Verifies(*leaf) ? "" : "has a certificate that is not ours";
}

Check JudgeItems(Deployment& deployment, const Evidence& evidence) {
  Check check{.name =
                  "items with one certificate for their CSR's key, on disk "
                  "as in the database"};
  std::map<std::string, Rows> recorded;
  for (auto& row : Query(deployment, kItems)) {
    recorded[row[0]].push_back(std::move(row));
  }
  const Trusted trusted(deployment);
  for (const std::string& id : evidence.item_ids) {
    const std::string fault = ItemFault(evidence, id, recorded[id], trusted);
    if (!fault.empty()) {
      check.faults.push_back(absl::StrCat(id, " ", fault));
    }
    ++check.count;
  }
  if (recorded.size() != evidence.item_ids.size()) {
    check.faults.push_back("items are recorded that nobody sent");
  }
  return check;
}

// Whatever a client ever had in a file, also one that was killed before the
// file was whole in its place.
Check JudgeReceived(Deployment& deployment, const Evidence& evidence) {
  Check check{.name =
                  "certificates ever received, each recorded with one "
                  "audit entry"};
  std::map<std::string, std::string> entries;
  for (const auto& row : Query(deployment, kCertificates)) {
    entries[row.at(0)] = row.at(1);
  }
  std::set<std::string> received;
  for (const auto& [name, contents] : evidence.contents) {
    for (const std::string& content : contents) {
      const auto ders = x509::PemDecodeAll(content, x509::kPemCertificate);
      if (absl::StrContains(name, ".pem") && ders.ok()) {
        received.insert(HexEncode(crypto::Sha256(ders->front())));
      } else if (absl::EndsWith(name, ".pem")) {
        check.faults.push_back(name + " was torn");
      }
    }
  }
  for (const std::string& hash : received) {
    const auto known = entries.find(hash);
    if (known == entries.end()) {
      check.faults.push_back(hash + " is not recorded");
    } else if (known->second != "1") {
      check.faults.push_back(
          absl::StrCat(hash, " has ", known->second, " audit entries"));
    }
  }
  check.count = received.size();
  return check;
}

}  // namespace

std::vector<Check> Judge(Deployment& deployment, const Evidence& evidence) {
  std::vector<Check> checks = {JudgeItems(deployment, evidence),
                               JudgeReceived(deployment, evidence)};
  for (const auto& [name, statement] : kAsManyAsItems) {
    Check check{.name = name};
    const std::string count = deployment.Sql(statement);
    check.count = std::strtoull(count.c_str(), nullptr, 10);
    if (check.count != evidence.item_ids.size()) {
      check.faults.push_back(
          absl::StrCat("there should be ", evidence.item_ids.size()));
    }
    checks.push_back(std::move(check));
  }
  for (const auto& [name, statement] : kNone) {
    Check check{.name = name};
    for (const auto& row : Query(deployment, statement)) {
      check.faults.push_back(row[0]);
    }
    check.count = check.faults.size();
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace birthmark::chaos
