#include "lib/storage/device_search.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"

namespace birthmark::storage {
namespace {

constexpr char kLowestUid[] = "00000000-0000-0000-0000-000000000000";
// Above every character that a text may hold.
constexpr char kHighestCharacter[] = "\xF4\x8F\xBF\xBF";
constexpr int kLeastBudget = 100;
// Columns after those of the device.
constexpr int kContactDay = 20;
constexpr int kMatches = 21;
constexpr int kEnds = 22;
constexpr int kSetSize = 23;

Param TimeOr(const std::optional<absl::Time>& time, const char* otherwise) {
  return time.has_value() ? At(*time) : Text(otherwise);
}

Param DayOr(const std::optional<absl::Time>& time, const char* otherwise) {
  return Text(time.has_value()
                  ? absl::FormatTime("%E4Y-%m-%d", *time, absl::UTCTimeZone())
                  : otherwise);
}

Param TextIfAny(const std::optional<std::string>& text) {
  return text.has_value() ? Text(*text) : Param();
}

}  // namespace

DeviceSearch::DeviceSearch(Session& session, const DeviceFilter& filter,
                           DeviceOrder order, DeviceSearchCursor cursor,
                           int limit, int budget, int few)
    : session_(session),
      filter_(filter),
      order_(order),
      cursor_(std::move(cursor)),
      limit_(static_cast<size_t>(limit)),
      // To look for a label or a component is to read a row as well.
      budget_(std::max<int>(budget / static_cast<int>(1 + filter.labels.size() +
                                                      filter.firmware.size()),
                            kLeastBudget)),
      few_(few) {}

bool DeviceSearch::of_age() const {
  return order_ == DeviceOrder::kOldestFirst ||
         order_ == DeviceOrder::kNewestFirst;
}

std::vector<SearchPlan> DeviceSearch::Candidates() const {
  std::vector<SearchPlan> all;
  if (filter_.batch_id.has_value()) {
    all.push_back({SearchDriver::kBatch});
  } else if (filter_.line_id.has_value()) {
    all.push_back({SearchDriver::kLine});
  }
  for (size_t i = 0; i < filter_.labels.size(); ++i) {
    all.push_back({filter_.labels[i].value.has_value()
                       ? SearchDriver::kLabel
                       : SearchDriver::kLabelKey,
                   i});
  }
  for (size_t i = 0; i < filter_.firmware.size(); ++i) {
    all.push_back({SearchDriver::kFirmware, i});
  }
  if (filter_.model.has_value() || filter_.hardware_revision.has_value()) {
    all.push_back({SearchDriver::kModel});
  }
  if (filter_.state.has_value() && *filter_.state != DeviceState::kActive) {
    all.push_back({SearchDriver::kState});
  }
  if (filter_.serial_number_prefix.has_value() &&
      order_ != DeviceOrder::kSerialNumber) {
    all.push_back({SearchDriver::kSerialPrefix});
  }
  if ((filter_.last_contact.from.has_value() ||
       filter_.last_contact.until.has_value()) &&
      order_ != DeviceOrder::kLastContact) {
    all.push_back({SearchDriver::kContact});
  }
  if (!of_age() &&
      (filter_.created.from.has_value() || filter_.created.until.has_value())) {
    all.push_back({SearchDriver::kAge});
  }
  return all;
}

SearchDriver DeviceSearch::WalkOfOrder() const {
  switch (order_) {
    case DeviceOrder::kSerialNumber:
      return filter_.serial_number_prefix.has_value()
                 ? SearchDriver::kSerialPrefixOrder
                 : SearchDriver::kSerialOrder;
    case DeviceOrder::kLastContact:
      // Who never called has no time that could be in a range.
      return filter_.last_contact.from.has_value() ||
                     filter_.last_contact.until.has_value()
                 ? SearchDriver::kContactOrder
                 : SearchDriver::kNeverOrder;
    default:
      return SearchDriver::kAge;
  }
}

SearchPlan DeviceSearch::Choose() {
  if (!filter_.spki_sha256.empty() || !filter_.certificate_serial.empty()) {
    return {.driver = SearchDriver::kLook, .whole = true};
  }
  if (filter_.serial_number.has_value()) {
    return {.driver = SearchDriver::kSerialNumber, .whole = true};
  }
  const std::vector<SearchPlan> candidates = Candidates();
  if (candidates.empty()) {
    return {WalkOfOrder()};
  }
  if (candidates.size() == 1 && of_age() &&
      IsInOrderOfAge(candidates[0].driver)) {
    return candidates[0];
  }
  return Probe(candidates);
}

SearchPlan DeviceSearch::Probe(const std::vector<SearchPlan>& candidates) {
  std::string letters;
  for (const SearchPlan& candidate : candidates) {
    letters.push_back(static_cast<char>(candidate.driver));
  }
  values_["try"] = Text(letters);
  SearchPlan fewest;
  int64_t fewest_rows = few_;
  SearchPlan farthest = {WalkOfOrder()};
  std::optional<absl::Time> reached;
  const auto rows = ProbeStatement(order_).Exec(session_, values_);
  for (const SearchPlan& candidate : candidates) {
    const bool there =
        std::any_of(rows.begin(), rows.end(), [&](const pqxx::row& row) {
          return row[0].c_str()[0] == static_cast<char>(candidate.driver);
        });
    if (!there) {
      // No fleet, line or revision has any.
      return {candidate.driver, candidate.ordinal,
              !of_age() || !IsInOrderOfAge(candidate.driver)};
    }
  }
  for (const auto& row : rows) {
    const SearchPlan plan = {static_cast<SearchDriver>(row[0].c_str()[0]),
                             static_cast<size_t>(ReadInt(row[1]))};
    const bool in_order = of_age() && IsInOrderOfAge(plan.driver);
    if (ReadBool(row[3])) {
      if (ReadInt(row[2]) < fewest_rows) {
        fewest_rows = ReadInt(row[2]);
        fewest = plan;
        fewest.whole = !in_order;
      }
      continue;
    }
    if (!in_order || row[4].is_null()) {
      continue;
    }
    const absl::Time time = ReadTime(row[4]);
    if (!reached.has_value() ||
        (order_ == DeviceOrder::kNewestFirst ? time < *reached
                                             : time > *reached)) {
      reached = time;
      farthest = plan;
    }
  }
  return fewest.driver != SearchDriver::kNone ? fewest : farthest;
}

// Whether a plan that a cursor brought can be of this search.
bool DeviceSearch::IsPossible(const SearchPlan& plan) const {
  if (plan.driver == WalkOfOrder() ||
      (plan.driver == SearchDriver::kContactOrder &&
       order_ == DeviceOrder::kLastContact)) {
    return !plan.whole;
  }
  const std::vector<SearchPlan> candidates = Candidates();
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const SearchPlan& candidate) {
                       return candidate.driver == plan.driver &&
                              candidate.ordinal == plan.ordinal;
                     }) &&
         (plan.whole || (of_age() && IsInOrderOfAge(plan.driver)));
}

void DeviceSearch::SetFilter() {
  values_["fleet"] = Text(filter_.fleet_id);
  if (filter_.state.has_value()) {
    values_["state"] = Int(static_cast<int>(*filter_.state));
  }
  values_["model"] = TextIfAny(filter_.model);
  values_["hardware_revision"] = TextIfAny(filter_.hardware_revision);
  values_["line"] = TextIfAny(filter_.line_id);
  values_["batch"] = TextIfAny(filter_.batch_id);
  values_["birth_fleet"] = TextOrNull(filter_.birth_fleet_id);
  values_["serial_number"] = TextIfAny(filter_.serial_number);
  if (filter_.serial_number_prefix.has_value()) {
    values_["prefix"] = Text(*filter_.serial_number_prefix);
    values_["prefix_end"] =
        Text(absl::StrCat(*filter_.serial_number_prefix, kHighestCharacter));
  }
  if (!filter_.firmware.empty()) {
    TextArray components;
    TextArray versions;
    for (const auto& one : filter_.firmware) {
      components.Add(one.component);
      versions.Add(one.version);
    }
    values_["components"] = components.Take();
    values_["versions"] = versions.Take();
  }
  if (!filter_.labels.empty()) {
    TextArray keys;
    TextArray label_values;
    for (const auto& one : filter_.labels) {
      keys.Add(one.key);
      if (one.value.has_value()) {
        label_values.Add(*one.value);
      } else {
        label_values.AddNull();
      }
    }
    values_["label_keys"] = keys.Take();
    values_["label_values"] = label_values.Take();
  }
  values_["from"] = TimeOr(filter_.created.from, "-infinity");
  values_["until"] = TimeOr(filter_.created.until, "infinity");
  values_["contact_from"] = AtOrNull(filter_.last_contact.from);
  values_["contact_until"] = AtOrNull(filter_.last_contact.until);
  values_["from_day"] = DayOr(filter_.last_contact.from, "-infinity");
  values_["until_day"] = DayOr(filter_.last_contact.until, "infinity");
  values_["spki_sha256"] = BytesOrNull(filter_.spki_sha256);
  values_["certificate"] = BytesOrNull(filter_.certificate_serial);
  values_["few"] = Int(few_);
  values_["budget"] = Int(budget_);
  values_["limit"] = Int(static_cast<int64_t>(limit_) + 1);
}

// The key after which the page begins. Where the filter bounds the order, a
// walk begins at that bound.
void DeviceSearch::SetKey() {
  const bool whole = cursor_.plan.whole;
  values_["after_uid"] =
      Text(cursor_.at_start ? kLowestUid : cursor_.device_uid);
  if (!cursor_.at_start) {
    values_["after_time"] = At(cursor_.create_time);
    values_["after_text"] = Text(cursor_.text);
    values_["after_day"] =
        Text(cursor_.text.empty() ? "-infinity" : cursor_.text);
    return;
  }
  if (order_ == DeviceOrder::kNewestFirst) {
    values_["after_time"] = values_["until"];
  } else {
    values_["after_time"] = of_age() ? values_["from"] : Text("-infinity");
  }
  values_["after_text"] =
      Text(whole ? "" : filter_.serial_number_prefix.value_or(""));
  values_["after_day"] = whole ? Text("-infinity") : values_["from_day"];
}

void DeviceSearch::SetDriver() {
  const SearchPlan& plan = cursor_.plan;
  if (plan.driver == SearchDriver::kFirmware) {
    values_["driver_key"] = Text(filter_.firmware[plan.ordinal].component);
    values_["driver_value"] = Text(filter_.firmware[plan.ordinal].version);
  } else if (plan.driver == SearchDriver::kLabel ||
             plan.driver == SearchDriver::kLabelKey) {
    values_["driver_key"] = Text(filter_.labels[plan.ordinal].key);
    values_["driver_value"] = TextIfAny(filter_.labels[plan.ordinal].value);
  }
}

void DeviceSearch::Take(const pqxx::row& row) {
  page_.devices.push_back(ReadDevice(row));
}

void DeviceSearch::EndAt(const pqxx::row& row) {
  cursor_.at_start = false;
  cursor_.create_time = ReadTime(row[11]);
  cursor_.device_uid = ReadText(row[0]);
  cursor_.text.clear();
  if (order_ == DeviceOrder::kSerialNumber) {
    cursor_.text = ReadText(row[4]);
  } else if (order_ == DeviceOrder::kLastContact) {
    cursor_.text = ReadText(row[kContactDay]);
  }
  page_.next_cursor = EncodeCursor(order_, cursor_);
}

bool DeviceSearch::Walk() {
  const auto rows =
      WalkStatement(cursor_.plan.driver, order_).Exec(session_, values_);
  for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
    if (page_.devices.size() == limit_) {
      EndAt(rows[i - 1]);
      return true;
    }
    if (ReadBool(rows[i][kMatches])) {
      Take(rows[i]);
    }
    if (ReadBool(rows[i][kEnds])) {
      if (of_age() && Candidates().size() > 1) {
        cursor_.plan = {};  // it may be another's turn
      }
      EndAt(rows[i]);
      return true;
    }
  }
  if (cursor_.plan.driver != SearchDriver::kNeverOrder) {
    return true;
  }
  cursor_.plan.driver = SearchDriver::kContactOrder;
  cursor_.at_start = true;
  if (page_.devices.size() < limit_) {
    return false;
  }
  page_.next_cursor = EncodeCursor(order_, cursor_);
  return true;
}

bool DeviceSearch::ReadSet() {
  const auto rows =
      SetStatement(cursor_.plan.driver, order_).Exec(session_, values_);
  if (ReadInt(rows[0][kSetSize]) >= few_) {
    // It has grown since it was chosen.
    cursor_.plan = {WalkOfOrder()};
    if (cursor_.plan.driver == SearchDriver::kNeverOrder && !cursor_.at_start &&
        !cursor_.text.empty()) {
      cursor_.plan.driver = SearchDriver::kContactOrder;
    }
    return false;
  }
  for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
    if (rows[i][0].is_null()) {
      break;
    }
    if (page_.devices.size() == limit_) {
      EndAt(rows[i - 1]);
      break;
    }
    Take(rows[i]);
  }
  return true;
}

DevicePage DeviceSearch::Run() {
  SetFilter();
  SetKey();
  if (cursor_.plan.driver == SearchDriver::kNone || !IsPossible(cursor_.plan)) {
    cursor_.plan = Choose();
  }
  bool done = false;
  while (!done) {
    SetKey();
    SetDriver();
    values_["limit"] =
        Int(static_cast<int64_t>(limit_ - page_.devices.size()) + 1);
    done = cursor_.plan.whole ? ReadSet() : Walk();
  }
  return std::move(page_);
}

}  // namespace birthmark::storage
