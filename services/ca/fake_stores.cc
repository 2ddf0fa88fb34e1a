#include "services/ca/fake_stores.h"

#include <cstdint>

#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::ca {

absl::StatusOr<std::vector<std::string>> FakeCertificateStore::Insert(
    absl::Span<const storage::CertificateRow> rows,
    absl::Span<const audit::Entry> entries) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!fail_next_.ok()) {
    return std::exchange(fail_next_, absl::OkStatus());
  }
  if (rows.size() != entries.size()) {
    return absl::InternalError("not one entry for each row");
  }
  std::vector<std::string> recorded;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto [row, is_new] = rows_.emplace(rows[i].serial, rows[i]);
    if (is_new) {
      entries_.push_back(entries[i]);
    }
    recorded.push_back(row->second.certificate_der);
  }
  return recorded;
}

absl::StatusOr<std::vector<storage::CertificateRow>> FakeCertificateStore::Find(
    absl::Span<const std::string> serials) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<storage::CertificateRow> found;
  if (std::exchange(hide_next_, false)) {
    return found;
  }
  for (const std::string& serial : serials) {
    const auto row = rows_.find(serial);
    if (row != rows_.end()) {
      found.push_back(row->second);
    }
  }
  return found;
}

absl::StatusOr<storage::CertificateRow> FakeCertificateStore::Get(
    absl::string_view issuer_id, absl::string_view serial) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto row = rows_.find(std::string(serial));
  if (row == rows_.end() ||
      (!issuer_id.empty() && row->second.issuer_id != issuer_id)) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kCertificateNotFound,
                     "no such certificate");
  }
  return row->second;
}

absl::StatusOr<std::vector<storage::CertificateRow>> FakeCertificateStore::List(
    const storage::CertificateFilter& filter, absl::string_view after,
    int limit) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<storage::CertificateRow> page;
  for (auto row = rows_.upper_bound(std::string(after));
       row != rows_.end() && static_cast<int>(page.size()) < limit; ++row) {
    const storage::CertificateRow& one = row->second;
    if ((filter.issuer_id.empty() || filter.issuer_id == one.issuer_id) &&
        (filter.device_uid.empty() || filter.device_uid == one.device_uid)) {
      page.push_back(one);
    }
  }
  return page;
}

void FakeCertificateStore::FailNext(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  fail_next_ = std::move(status);
}

void FakeCertificateStore::HideNext() {
  std::lock_guard<std::mutex> lock(mutex_);
  hide_next_ = true;
}

std::vector<storage::CertificateRow> FakeCertificateStore::rows() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<storage::CertificateRow> rows;
  for (const auto& [serial, row] : rows_) {
    rows.push_back(row);
  }
  return rows;
}

std::vector<audit::Entry> FakeCertificateStore::entries() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_;
}

absl::StatusOr<storage::CrlRow> FakeCrlStore::Refresh(
    absl::string_view issuer_id, int crl_shard, absl::Time now,
    const CrlMaker& maker) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto key = std::make_pair(std::string(issuer_id), crl_shard);
  std::optional<storage::CrlRow> newest;
  if (newest_.count(key) != 0) {
    newest = newest_.at(key);
  }
  std::vector<storage::RevocationRow> revocations;
  for (const auto& [serial, row] : revocations_) {
    if (row.issuer_id == issuer_id && row.crl_shard == crl_shard &&
        row.state != storage::RevocationState::kReleased &&
        row.not_after >= now) {
      revocations.push_back(row);
    }
  }
  const int64_t next_number = newest.has_value() ? newest->number + 1 : 1;
  auto made = maker(newest, next_number, revocations);
  if (!made.ok()) {
    return made.status();
  }
  if (!made->has_value()) {
    return *newest;
  }
  for (const audit::Entry& entry : (*made)->mutation.audit) {
    entries_.push_back(entry);
  }
  newest_[key] = (*made)->row;
  return (*made)->row;
}

void FakeCrlStore::Revoke(const storage::RevocationRow& row) {
  std::lock_guard<std::mutex> lock(mutex_);
  revocations_[row.serial] = row;
}

void FakeCrlStore::Forget(const std::string& serial) {
  std::lock_guard<std::mutex> lock(mutex_);
  revocations_.erase(serial);
}

std::vector<audit::Entry> FakeCrlStore::entries() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_;
}

}  // namespace birthmark::ca
