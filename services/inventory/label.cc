#include "services/inventory/label.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/random.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/timestamp.h"

namespace birthmark::inventory {
namespace {

constexpr size_t kMaxKey = 63;
constexpr size_t kMaxText = 256;
constexpr size_t kSaltSize = 32;
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%SZ";

absl::Status ReadValue(const device::v1::Label& label, absl::string_view field,
                       storage::LabelRow& row) {
  switch (label.value_case()) {
    case device::v1::Label::kText:
      row.type = storage::LabelType::kText;
      row.value = label.text();
      if (row.value.empty() || row.value.size() > kMaxText) {
        return rpc::InvalidField(
            field, absl::StrCat("text has 1 to ", kMaxText, " octets"));
      }
      return rpc::CheckText(row.value, field, 1, kMaxText);
    case device::v1::Label::kInteger:
      row.type = storage::LabelType::kInteger;
      row.value = absl::StrCat(label.integer());
      return absl::OkStatus();
    case device::v1::Label::kFlag:
      row.type = storage::LabelType::kFlag;
      row.value = label.flag() ? "true" : "false";
      return absl::OkStatus();
    case device::v1::Label::kTime: {
      BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time time,
                                 rpc::FromTimestamp(label.time(), field));
      row.type = storage::LabelType::kTime;
      row.value = absl::FormatTime(
          kTimeFormat, absl::FromUnixSeconds(absl::ToUnixSeconds(time)),
          absl::UTCTimeZone());
      return absl::OkStatus();
    }
    case device::v1::Label::VALUE_NOT_SET:
      break;
  }
  return rpc::InvalidField(field, "needs a value");
}

}  // namespace

bool IsLabelKey(absl::string_view key) {
  return !key.empty() && key.size() <= kMaxKey && absl::ascii_islower(key[0]) &&
         std::all_of(key.begin(), key.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '_' || c == '-';
         });
}

absl::StatusOr<storage::LabelRow> ReadLabel(absl::string_view key,
                                            const device::v1::Label& label,
                                            absl::string_view field) {
  if (!IsLabelKey(key)) {
    return rpc::InvalidField(field, "a label's key is [a-z][a-z0-9_-]{0,62}");
  }
  storage::LabelRow row;
  row.key = std::string(key);
  BIRTHMARK_RETURN_IF_ERROR(ReadValue(label, field, row));
  row.personal = label.personal();
  if (row.personal) {
    row.salt = crypto::RandomBytes(kSaltSize);
  }
  return row;
}

device::v1::Label ToProto(const storage::LabelRow& row) {
  device::v1::Label label;
  switch (row.type) {
    case storage::LabelType::kText:
      label.set_text(row.value);
      break;
    case storage::LabelType::kInteger: {
      int64_t value = 0;
      (void)absl::SimpleAtoi(row.value, &value);
      label.set_integer(value);
      break;
    }
    case storage::LabelType::kFlag:
      label.set_flag(row.value == "true");
      break;
    case storage::LabelType::kTime: {
      absl::Time time;
      (void)absl::ParseTime(kTimeFormat, row.value, &time, nullptr);
      *label.mutable_time() = rpc::ToTimestamp(time);
      break;
    }
  }
  label.set_personal(row.personal);
  return label;
}

}  // namespace birthmark::inventory
