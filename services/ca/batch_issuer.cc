#include "services/ca/batch_issuer.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/x509/serial.h"

namespace birthmark::ca {
namespace {

// Below this many, waking other threads costs more than it gives.
constexpr size_t kWorthParallel = 16;

// What is recorded as the shard of certificates that are on no CRL.
constexpr int kOnNoCrl = -1;

absl::Status SerialTaken(absl::string_view serial) {
  const std::string hex = x509::SerialToHex(serial);
  return MakeError(
      absl::StatusCode::kAlreadyExists, reasons::kCertificateExists,
      absl::StrCat("serial ", hex,
                   " has a certificate for another key, "
                   "profile or issuer"),
      {{"resource", absl::StrCat("issuers/-/certificates/", hex)}});
}

const policy::DeviceSubject* DeviceOf(const policy::IssuanceRequest& request) {
  return std::get_if<policy::DeviceSubject>(&request.subject);
}

std::string FleetOf(const policy::IssuanceRequest& request) {
  if (const auto* device = DeviceOf(request)) {
    return device->fleet;
  }
  if (const auto* line = std::get_if<policy::LineSubject>(&request.subject)) {
    return line->fleet;
  }
  return "";
}

}  // namespace

// Item is one request on its way.
struct BatchIssuer::Item {
  const policy::IssuanceRequest* request = nullptr;
  const std::string* actor = nullptr;  // on whose behalf
  std::string spki_sha256;
  // Unset while it is still to be signed or committed.
  std::optional<absl::StatusOr<std::string>> result;
  // Answered from the record, or by an earlier item of the batch.
  bool replayed = false;
  std::optional<size_t> same_as;  // index of that earlier item
  const Shard* shard = nullptr;   // null: its profile is on no CRL
  std::string certificate_der;    // signed, not yet committed
  policy::Validity validity;
};

absl::StatusOr<BatchIssuer::Results> BatchIssuer::Issue(
    absl::Span<const policy::IssuanceRequest> requests,
    const Requester& requester) {
  const absl::Duration start = clock_.MonotonicNow();
  const absl::Time now = NowSeconds(clock_);
  BIRTHMARK_RETURN_IF_ERROR(issuance_.ValidityFor(now).status());

  std::vector<Item> items(requests.size());
  std::map<absl::string_view, size_t> by_serial;
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = items[i];
    item.request = &requests[i];
    item.actor = i < requester.on_behalf_of_each.size() &&
                         !requester.on_behalf_of_each[i].empty()
                     ? &requester.on_behalf_of_each[i]
                     : &requester.on_behalf_of;
    item.spki_sha256 = crypto::Sha256(requests[i].spki_der);
    const auto [first, is_new] = by_serial.emplace(requests[i].serial, i);
    if (is_new) {
      continue;
    }
    if (items[first->second].spki_sha256 == item.spki_sha256) {
      item.same_as = first->second;
      item.replayed = true;
    } else {
      item.result = SerialTaken(requests[i].serial);
    }
  }

  if (!requester.first_attempt) {
    BIRTHMARK_RETURN_IF_ERROR(AnswerRecorded(items));
  }
  std::vector<Shard> shards;
  BIRTHMARK_RETURN_IF_ERROR(SignAll(items, now, shards));
  BIRTHMARK_RETURN_IF_ERROR(Commit(items, now, requester));
  for (Item& item : items) {
    if (item.same_as.has_value()) {
      item.result = items[*item.same_as].result;
    }
  }
  Count(items);
  metrics_.batch_seconds.With({profile().id})
      .Observe(absl::ToDoubleSeconds(clock_.MonotonicNow() - start));

  Results results;
  results.reserve(items.size());
  for (Item& item : items) {
    results.push_back(*std::move(item.result));
  }
  return results;
}

// A retry must get the first certificate, so what exists is looked up before
// anything is signed. Commit finds what was not looked up.
absl::Status BatchIssuer::AnswerRecorded(std::vector<Item>& items) {
  std::vector<std::string> serials;
  std::map<absl::string_view, Item*> open;
  for (Item& item : items) {
    if (!item.result.has_value() && !item.same_as.has_value() &&
        item.request->serial.size() == x509::kSerialSize) {
      serials.push_back(item.request->serial);
      open.emplace(item.request->serial, &item);
    }
  }
  if (serials.empty()) {
    return absl::OkStatus();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto rows, certificates_.Find(serials));
  for (const storage::CertificateRow& row : rows) {
    const auto found = open.find(row.serial);
    if (found != open.end()) {
      found->second->result = Recorded(row, *found->second);
      found->second->replayed = found->second->result->ok();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> BatchIssuer::Recorded(
    const storage::CertificateRow& row, const Item& item) const {
  if (row.spki_sha256 != item.spki_sha256 || row.issuer_id != issuer_.id() ||
      row.profile != profile().id) {
    return SerialTaken(row.serial);
  }
  return row.certificate_der;
}

void BatchIssuer::SignOne(Item& item, absl::Time now) const {
  absl::StatusOr<policy::PreparedCertificate> prepared = issuance_.Prepare(
      *item.request,
      item.shard != nullptr ? item.shard->uris : policy::CrlUris(), now);
  if (!prepared.ok()) {
    item.result = std::move(prepared).status();
    return;
  }
  item.validity = prepared->validity();
  absl::StatusOr<std::string> der =
      issuer_.SignCertificate(*std::move(prepared));
  if (!der.ok()) {
    item.result = std::move(der).status();
    return;
  }
  item.certificate_der = *std::move(der);
}

// The shards must stay where they are while the items point to them.
absl::StatusOr<std::vector<BatchIssuer::Shard>> BatchIssuer::TakePlaces(
    const std::vector<Item*>& items, absl::Time now) {
  std::vector<Shard> shards;
  if (items.empty() || !IsOnCrl(profile())) {
    return shards;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto places,
                             places_.Take(static_cast<int>(items.size()), now));
  shards.reserve(places.size());
  auto item = items.begin();
  for (const storage::ShardLease& lease : places) {
    shards.push_back({lease.crl_shard, issuer_.CrlUris(lease.crl_shard)});
    for (int i = 0; i < lease.places; ++i) {
      (*item++)->shard = &shards.back();
    }
  }
  return shards;
}

absl::Status BatchIssuer::SignAll(std::vector<Item>& items, absl::Time now,
                                  std::vector<Shard>& shards) {
  std::vector<Item*> open;
  for (Item& item : items) {
    if (!item.result.has_value() && !item.same_as.has_value()) {
      open.push_back(&item);
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(shards, TakePlaces(open, now));
  if (open.size() < kWorthParallel) {
    for (Item* item : open) {
      SignOne(*item, now);
    }
  } else {
    ParallelFor(pool_, open.size(), [&](size_t i) { SignOne(*open[i], now); });
  }
  // What is wrong with the signer is wrong for all: better nothing than half.
  for (const Item* item : open) {
    if (item->result.has_value() && !item->result->ok() &&
        (absl::IsUnavailable(item->result->status()) ||
         absl::IsInternal(item->result->status()))) {
      return item->result->status();
    }
  }
  return absl::OkStatus();
}

storage::CertificateRow BatchIssuer::Row(const Item& item,
                                         absl::Time now) const {
  storage::CertificateRow row;
  row.serial = item.request->serial;
  row.issuer_id = issuer_.id();
  row.profile = profile().id;
  row.profile_version = profile().version;
  row.spki_sha256 = item.spki_sha256;
  if (const auto* device = DeviceOf(*item.request)) {
    row.device_uid = device->uid;
  }
  row.fleet_id = FleetOf(*item.request);
  row.crl_shard = item.shard != nullptr ? item.shard->number : kOnNoCrl;
  row.not_before = item.validity.not_before;
  row.not_after = item.validity.not_after;
  row.certificate_der = item.certificate_der;
  row.create_time = now;
  return row;
}

audit::Entry BatchIssuer::Entry(const Item& item, absl::Time now,
                                const Requester& requester) const {
  const std::string serial = x509::SerialToHex(item.request->serial);
  audit::Entry entry;
  entry.id = crypto::NewUid(clock_);
  entry.time = now;
  entry.actor = *item.actor;
  entry.action = "certificate.issue";
  entry.resource = absl::StrCat(issuer_.name(), "/certificates/", serial);
  entry.details = {
      {"caller", requester.caller},
      {"issuer", issuer_.id()},
      {"profile", profile().id},
      {"profile_version", absl::StrCat(profile().version)},
      {"serial", serial},
      {"spki_sha256", HexEncode(item.spki_sha256)},
      {"certificate_sha256", HexEncode(crypto::Sha256(item.certificate_der))},
  };
  if (const auto* device = DeviceOf(*item.request)) {
    entry.details["device"] =
        absl::StrCat("fleets/", device->fleet, "/devices/", device->uid);
  }
  return entry;
}

absl::Status BatchIssuer::Commit(std::vector<Item>& items, absl::Time now,
                                 const Requester& requester) {
  std::vector<Item*> signed_items;
  std::vector<storage::CertificateRow> rows;
  std::vector<audit::Entry> entries;
  for (Item& item : items) {
    if (!item.certificate_der.empty()) {
      signed_items.push_back(&item);
      rows.push_back(Row(item, now));
      entries.push_back(Entry(item, now, requester));
    }
  }
  if (rows.empty()) {
    return absl::OkStatus();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto recorded,
                             certificates_.Insert(rows, entries));
  if (recorded.size() != rows.size()) {
    return absl::InternalError("Insert did not answer for every row");
  }
  std::vector<std::string> lost;  // to another process since AnswerRecorded
  for (size_t i = 0; i < rows.size(); ++i) {
    if (recorded[i] == rows[i].certificate_der) {
      signed_items[i]->result = std::move(recorded[i]);
    } else {
      lost.push_back(rows[i].serial);
    }
  }
  if (lost.empty()) {
    return absl::OkStatus();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto winners, certificates_.Find(lost));
  for (Item* item : signed_items) {
    for (const storage::CertificateRow& row : winners) {
      if (!item->result.has_value() && row.serial == item->request->serial) {
        item->result = Recorded(row, *item);
        item->replayed = item->result->ok();
      }
    }
    if (!item->result.has_value()) {
      return absl::InternalError("a recorded certificate was not found");
    }
  }
  return absl::OkStatus();
}

void BatchIssuer::Count(const std::vector<Item>& items) {
  int64_t issued = 0;
  int64_t replayed = 0;
  for (const Item& item : items) {
    if (!item.result->ok()) {
      metrics_.refused.With({profile().id, Reason(item.result->status())})
          .Increment();
    } else if (item.replayed) {
      ++replayed;
    } else {
      ++issued;
    }
  }
  metrics_.issued.With({profile().id}).Increment(static_cast<double>(issued));
  metrics_.replayed.With({profile().id})
      .Increment(static_cast<double>(replayed));
}

}  // namespace birthmark::ca
