#include "lib/audit/entry.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "lib/base/json_string.h"
#include "lib/crypto/hash.h"

namespace birthmark::audit {

namespace {

void AppendDigits(int value, int digits, std::string& text) {
  const size_t start = text.size();
  text.resize(start + digits);
  for (int i = digits - 1; i >= 0; --i, value /= 10) {
    text[start + i] = static_cast<char>('0' + value % 10);
  }
}

// RFC 3339 with milliseconds. absl::FormatTime takes as long as all the rest.
void AppendTime(absl::Time time, std::string& text) {
  const absl::CivilSecond civil =
      absl::ToCivilSecond(time, absl::UTCTimeZone());
  if (civil.year() < 0 || civil.year() > 9999) {
    text += absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
    return;
  }
  AppendDigits(static_cast<int>(civil.year()), 4, text);
  text += '-';
  AppendDigits(civil.month(), 2, text);
  text += '-';
  AppendDigits(civil.day(), 2, text);
  text += 'T';
  AppendDigits(civil.hour(), 2, text);
  text += ':';
  AppendDigits(civil.minute(), 2, text);
  text += ':';
  AppendDigits(civil.second(), 2, text);
  text += '.';
  const int64_t ms = absl::ToUnixMillis(time) % 1000;
  AppendDigits(static_cast<int>(ms < 0 ? ms + 1000 : ms), 3, text);
  text += 'Z';
}

}  // namespace

std::string Canonical(const Entry& entry) {
  std::string json;
  json.reserve(768);
  json += "{\"action\":";
  AppendJsonString(entry.action, json);
  json += ",\"actor\":";
  AppendJsonString(entry.actor, json);
  json += ",\"details\":";
  AppendJsonObject(entry.details, json);
  json += ",\"id\":";
  AppendJsonString(entry.id, json);
  json += ",\"resource\":";
  AppendJsonString(entry.resource, json);
  json += ",\"time\":\"";
  AppendTime(entry.time, json);
  json += "\"}";
  return json;
}

std::string LeafHash(const std::string& canonical) {
  return crypto::Sha256(absl::StrCat(absl::string_view("\0", 1), canonical));
}

}  // namespace birthmark::audit
