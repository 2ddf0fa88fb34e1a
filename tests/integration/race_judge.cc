#include "tests/integration/race_judge.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/x509/certificate.h"

namespace birthmark::tests {
namespace {

constexpr char kItems[] = R"(
    SELECT format('fleets/%s/lines/%s/batches/%s', b.fleet_id, b.line_id,
                  b.batch_id),
           i.item_id, i.error_reason, encode(k.spki_sha256, 'hex'),
           d.serial_number, encode(sha256(c.certificate_der), 'hex')
    FROM batch_items i
    JOIN batches b USING (batch_key)
    LEFT JOIN keys k ON k.serial = i.serial AND k.device_uid = i.device_uid
    LEFT JOIN devices d ON d.device_uid = i.device_uid
    LEFT JOIN certificates c ON c.serial = i.serial
                            AND c.device_uid = i.device_uid)";

std::string FleetOf(const std::string& batch) {
  return batch.substr(0, batch.find("/lines/"));
}

}  // namespace

void RaceJudge::Compare(const Round& round,
                        const std::vector<std::vector<Told>>& told) {
  for (const Contest& contest : round.contests) {
    std::set<std::string> winners;
    for (const auto& [lane, index] : contest.entries) {
      const LaneItem& item = round.items[lane][index];
      const Told& answer = told[lane][index];
      told_[{lanes_[lane]->batch(), item.id}].push_back({lane, item, answer});
      if (!answer.certificate_der.empty()) {
        winners.insert(answer.certificate_der);
        ++wins_[lane];
        continue;
      }
      refused_keys_ += answer.reason == "KEY_ALREADY_ENROLLED" ? 1 : 0;
      if (!contest.reason.empty()) {
        EXPECT_EQ(answer.reason, contest.reason) << item.id;
      }
    }
    if (!contest.reason.empty()) {
      EXPECT_EQ(winners.size(), 1u) << contest.reason;
    }
  }
}

void RaceJudge::CompareWithDatabase(Deployment& deployment) {
  Read(deployment);
  for (const auto& [name, answers] : told_) {
    SCOPED_TRACE(absl::StrCat(name.first, " ", name.second));
    bool certified = false;
    std::set<std::string> reasons;
    for (const Answer& answer : answers) {
      certified |= !answer.told.certificate_der.empty();
      reasons.insert(answer.told.reason);
      EXPECT_TRUE(IsTrue(name, answer))
          << "lane " << answer.lane << " was told "
          << (answer.told.reason.empty() ? "a certificate"
                                         : answer.told.reason);
    }
    EXPECT_EQ(held_.count(name), certified ? 1u : 0u);
    EXPECT_EQ(refused_.count(name), certified ? 0u : 1u);
    if (const auto recorded = refused_.find(name); recorded != refused_.end()) {
      EXPECT_EQ(reasons.count(recorded->second), 1u) << recorded->second;
    }
  }
  EXPECT_EQ(told_.size(), held_.size() + refused_.size());
  CompareCounts(deployment);
}

void RaceJudge::Read(Deployment& deployment) {
  const std::string rows = deployment.postgres().Sql("birthmark", kItems);
  for (const auto line : absl::StrSplit(rows, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> row = absl::StrSplit(line, '|');
    const ItemName name = {row.at(0), row.at(1)};
    if (!row[2].empty()) {
      refused_[name] = row[2];
      continue;
    }
    held_[name] = {row.at(3), row.at(4), row.at(5)};
    EXPECT_TRUE(key_owner_.emplace(row[3], name).second) << row[3];
    EXPECT_TRUE(
        board_owner_.emplace(std::pair(FleetOf(name.first), row[4]), name)
            .second)
        << row[4];
  }
}

// Nothing is there that belongs to no item, and what belongs to one is there
// once.
void RaceJudge::CompareCounts(Deployment& deployment) const {
  const std::string held = absl::StrCat(held_.size());
  for (const char* statement :
       {"SELECT count(*) FROM devices", "SELECT sum(issued) FROM lines",
        "SELECT count(*) FROM keys WHERE device_uid IS NOT NULL",
        "SELECT count(DISTINCT serial) FROM keys WHERE device_uid IS NOT NULL",
        "SELECT count(*) FROM certificates WHERE device_uid IS NOT NULL",
        "SELECT count(DISTINCT device_uid) FROM device_events",
        "SELECT count(*) FROM device_events",
        "SELECT count(DISTINCT resource) FROM audit_entries "
        "WHERE action = 'device.provision'",
        "SELECT count(*) FROM audit_entries WHERE action = 'device.provision'",
        "SELECT count(DISTINCT a.resource) FROM audit_entries a "
        "JOIN certificates c ON a.resource = format("
        "'issuers/%s/certificates/%s', issuer_id, encode(serial, 'hex')) "
        "WHERE action = 'certificate.issue' AND device_uid IS NOT NULL"}) {
    EXPECT_EQ(deployment.Sql(statement), held) << statement;
  }
  EXPECT_EQ(deployment.Sql("SELECT count(*) FROM audit_entries "
                           "WHERE action = 'key.reuse_refused'"),
            absl::StrCat(refused_keys_));
}

bool RaceJudge::IsTrue(const ItemName& name, const Answer& answer) const {
  const auto held = held_.find(name);
  const std::string key = HexEncode(answer.item.spki_sha256);
  const bool is_mine = held != held_.end() && held->second.spki_sha256 == key &&
                       held->second.serial_number == answer.item.serial_number;
  const std::string& der = answer.told.certificate_der;
  if (!der.empty()) {
    const auto certificate = x509::Certificate::Parse(der);
    return is_mine && certificate.ok() &&
           HexEncode(crypto::Sha256((*certificate)->spki_der)) == key &&
           HexEncode(crypto::Sha256(der)) == held->second.certificate_sha256;
  }
  if (answer.told.reason == "REQUEST_ID_REUSED") {
    return held != held_.end() && !is_mine;
  }
  if (answer.told.reason == "KEY_ALREADY_ENROLLED") {
    const auto owner = key_owner_.find(key);
    return owner != key_owner_.end() && owner->second != name;
  }
  if (answer.told.reason == "DEVICE_EXISTS") {
    const auto owner =
        board_owner_.find({FleetOf(name.first), answer.item.serial_number});
    return owner != board_owner_.end() && owner->second != name;
  }
  // The quota is counted by the test itself.
  return answer.told.reason == "LINE_QUOTA_EXCEEDED";
}

}  // namespace birthmark::tests
