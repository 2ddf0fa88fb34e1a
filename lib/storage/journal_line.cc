#include "lib/storage/journal_line.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"

namespace birthmark::storage {
namespace {

constexpr size_t kChecksumDigits = 8;
constexpr size_t kSerialOctets = 16;
constexpr size_t kFields = 10;  // after the checksum
constexpr char kNoTime[] = "-";
// 2026-01-31T12:00:00Z, with microseconds only if there are some.
constexpr size_t kShortTime = 20;
constexpr size_t kLongTime = 27;

std::string Checksum(absl::string_view rest) {
  return HexEncode(crypto::Sha256(rest).substr(0, kChecksumDigits / 2));
}

absl::string_view StateText(RevocationState state) {
  switch (state) {
    case RevocationState::kHeld:
      return "held";
    case RevocationState::kRevoked:
      return "revoked";
    case RevocationState::kReleased:
      return "released";
  }
  return "";
}

std::string TimeText(absl::Time time) {
  const absl::CivilSecond civil =
      absl::ToCivilSecond(time, absl::UTCTimeZone());
  const int64_t micros = absl::ToInt64Microseconds(
      time - absl::FromCivil(civil, absl::UTCTimeZone()));
  const std::string text = absl::StrFormat(
      "%04d-%02d-%02dT%02d:%02d:%02d", civil.year(), civil.month(), civil.day(),
      civil.hour(), civil.minute(), civil.second());
  return micros == 0 ? absl::StrCat(text, "Z")
                     : absl::StrFormat("%s.%06dZ", text, micros);
}

// Reads `count` decimal digits at `at`.
bool Digits(absl::string_view text, size_t at, size_t count, int& value) {
  value = 0;
  for (const char digit : text.substr(at, count)) {
    if (digit < '0' || digit > '9') {
      return false;
    }
    value = value * 10 + (digit - '0');
  }
  return true;
}

std::optional<absl::Time> ParseTime(absl::string_view text) {
  if ((text.size() != kShortTime && text.size() != kLongTime) ||
      text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z') {
    return std::nullopt;
  }
  int year, month, day, hour, minute, second;
  int micros = 0;
  if (!Digits(text, 0, 4, year) || !Digits(text, 5, 2, month) ||
      !Digits(text, 8, 2, day) || !Digits(text, 11, 2, hour) ||
      !Digits(text, 14, 2, minute) || !Digits(text, 17, 2, second)) {
    return std::nullopt;
  }
  if (text.size() == kLongTime &&
      (text[19] != '.' || !Digits(text, 20, 6, micros) || micros == 0)) {
    return std::nullopt;
  }
  // The 31st of February would quietly become a day in March.
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  if (civil.year() != year || civil.month() != month || civil.day() != day ||
      civil.hour() != hour || civil.minute() != minute ||
      civil.second() != second) {
    return std::nullopt;
  }
  return absl::FromCivil(civil, absl::UTCTimeZone()) +
         absl::Microseconds(micros);
}

absl::Status Bad(absl::string_view what) { return absl::DataLossError(what); }

absl::StatusOr<absl::Time> TimeField(absl::string_view text,
                                     absl::string_view field) {
  const std::optional<absl::Time> time = ParseTime(text);
  if (!time.has_value()) {
    return Bad(absl::StrCat(field, " is no time"));
  }
  return *time;
}

// Numbers have one spelling: no sign, no zeros in front. -1 is the shard of
// certificates that are on no CRL.
template <typename Number>
bool ParseNumber(absl::string_view text, Number& number) {
  return absl::SimpleAtoi(text, &number) && absl::StrCat(number) == text;
}

std::optional<RevocationState> ParseState(absl::string_view text) {
  for (const RevocationState state :
       {RevocationState::kHeld, RevocationState::kRevoked,
        RevocationState::kReleased}) {
    if (text == StateText(state)) {
      return state;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string FormatJournalLine(const RevocationChange& change) {
  const std::string rest = absl::StrJoin(
      {absl::StrCat(change.revision), HexEncode(change.serial),
       change.issuer_id, absl::StrCat(change.crl_shard),
       std::string(StateText(change.state)), absl::StrCat(change.reason),
       TimeText(change.revoke_time),
       change.invalidity_time.has_value() ? TimeText(*change.invalidity_time)
                                          : kNoTime,
       TimeText(change.update_time), TimeText(change.not_after)},
      "\t");
  return absl::StrCat(JournalLineOf(rest), "\n");
}

std::string JournalLineOf(absl::string_view fields) {
  return absl::StrCat(Checksum(fields), "\t", fields);
}

absl::StatusOr<RevocationChange> ParseJournalLine(absl::string_view line) {
  if (line.size() >= kMaxJournalLine) {
    return Bad("it is too long");
  }
  if (line.size() <= kChecksumDigits || line[kChecksumDigits] != '\t') {
    return Bad("it does not begin with a checksum");
  }
  const absl::string_view rest = line.substr(kChecksumDigits + 1);
  if (line.substr(0, kChecksumDigits) != Checksum(rest)) {
    return Bad("its checksum is wrong");
  }
  const std::vector<absl::string_view> fields = absl::StrSplit(rest, '\t');
  if (fields.size() != kFields) {
    return Bad("it does not have ten fields after the checksum");
  }
  RevocationChange change;
  if (!ParseNumber(fields[0], change.revision) || change.revision <= 0) {
    return Bad("the revision is no positive number");
  }
  absl::StatusOr<std::string> serial = HexDecode(fields[1]);
  if (!serial.ok() || serial->size() != kSerialOctets) {
    return Bad("the serial number is not 32 lower-case hex digits");
  }
  change.serial = *std::move(serial);
  if (!IsResourceId(fields[2])) {
    return Bad("the issuer is no id");
  }
  change.issuer_id = std::string(fields[2]);
  if (!ParseNumber(fields[3], change.crl_shard) || change.crl_shard < -1) {
    return Bad("the shard is no number");
  }
  const std::optional<RevocationState> state = ParseState(fields[4]);
  if (!state.has_value()) {
    return Bad("the state is not held, revoked or released");
  }
  change.state = *state;
  if (!ParseNumber(fields[5], change.reason) || change.reason < 0 ||
      change.reason > 10) {
    return Bad("the reason is none of RFC 5280");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(change.revoke_time,
                             TimeField(fields[6], "the revocation time"));
  if (fields[7] != kNoTime) {
    BIRTHMARK_ASSIGN_OR_RETURN(change.invalidity_time,
                               TimeField(fields[7], "the invalidity time"));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(change.update_time,
                             TimeField(fields[8], "the time of the change"));
  BIRTHMARK_ASSIGN_OR_RETURN(change.not_after,
                             TimeField(fields[9], "the end of validity"));
  return change;
}

}  // namespace birthmark::storage
