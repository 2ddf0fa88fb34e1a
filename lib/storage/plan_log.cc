#include "lib/storage/plan_log.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace birthmark::storage {
namespace {

constexpr const char* kLarge[] = {"devices",           "keys",
                                  "certificates",      "device_events",
                                  "firmware_reports",  "device_firmware",
                                  "device_labels",     "audit_entries",
                                  "revocations",       "batch_items",
                                  "device_job_items",  "requests",
                                  "revocation_changes"};

// The number after `name` in `line`; 0 if there is none.
int64_t NumberAfter(absl::string_view line, absl::string_view name) {
  const size_t at = line.find(name);
  return at == absl::string_view::npos
             ? 0
             : std::strtoll(line.data() + at + name.size(), nullptr, 10);
}

// "  ->  Index Scan using i on devices d (cost=… rows=… width=…) (actual …)"
void ReadNode(const std::string& line, LoggedPlan& plan) {
  const size_t on = line.find(" on ");
  const size_t actual = line.find("(actual ");
  if (!absl::StrContains(line, "Scan") || on == std::string::npos ||
      actual == std::string::npos) {
    return;
  }
  const std::string table = absl::StrCat(
      absl::string_view(line).substr(on + 4, line.find(' ', on + 4) - on - 4));
  if (!PlanLog::IsLarge(table)) {
    return;
  }
  if (absl::StrContains(line, "Seq Scan on")) {
    plan.seq_scans.push_back(table);
  }
  const absl::string_view counts = absl::string_view(line).substr(actual);
  plan.rows_read = std::max(plan.rows_read, NumberAfter(counts, "rows=") *
                                                NumberAfter(counts, "loops="));
}

LoggedPlan ReadPlan(const std::vector<std::string>& lines) {
  LoggedPlan plan;
  const size_t duration = lines[0].find("duration: ");
  plan.milliseconds = std::strtod(lines[0].c_str() + duration + 10, nullptr);
  bool top = true;
  for (const std::string& line : lines) {
    absl::StrAppend(&plan.text, line, "\n");
    ReadNode(line, plan);
    if (absl::StrContains(line, "Rows Removed by Filter: ")) {
      plan.rows_read = std::max(plan.rows_read,
                                NumberAfter(line, "Rows Removed by Filter: "));
    }
    if (top && absl::StrContains(line, "Buffers: shared")) {
      plan.buffers = NumberAfter(line, "hit=") + NumberAfter(line, " read=");
      top = false;  // the first is of the whole
    }
  }
  return plan;
}

}  // namespace

PlanLog::PlanLog(const std::string& host,
                 const std::function<void(const std::string&)>& sql)
    : path_(absl::StrCat(host, "/../log/server.log")) {
  for (const char* role : {"birthmark_ca", "birthmark_registration",
                           "birthmark_inventory", "birthmark_status"}) {
    for (const char* setting :
         {"session_preload_libraries = 'auto_explain'",
          "auto_explain.log_min_duration = 0",
          "auto_explain.log_nested_statements = on",
          "auto_explain.log_analyze = on", "auto_explain.log_buffers = on",
          "auto_explain.log_timing = off"}) {
      sql(absl::StrCat("ALTER ROLE ", role, " SET ", setting));
    }
  }
  Plans();
}

std::vector<LoggedPlan> PlanLog::Plans() {
  std::ifstream file(path_);
  file.seekg(static_cast<std::streamoff>(read_));
  const std::string text((std::istreambuf_iterator<char>(file)),
                         std::istreambuf_iterator<char>());
  std::vector<LoggedPlan> plans;
  std::vector<std::string> lines;
  const auto flush = [&] {
    if (!lines.empty()) {
      plans.push_back(ReadPlan(lines));
      lines.clear();
    }
  };
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text), '\n')) {
    if (!absl::StartsWith(line, "\t")) {
      flush();
    }
    const bool begins = absl::StrContains(line, "duration: ") &&
                        absl::StrContains(line, "plan:");
    if (begins || !lines.empty()) {
      lines.emplace_back(line);
    }
  }
  flush();
  read_ += text.size();
  return plans;
}

bool PlanLog::IsLarge(absl::string_view table) {
  return std::any_of(std::begin(kLarge), std::end(kLarge),
                     [table](absl::string_view large) {
                       absl::string_view rest = table;
                       if (!absl::ConsumePrefix(&rest, large)) {
                         return false;
                       }
                       return rest.empty() || rest == "_default" ||
                              (rest.size() > 1 && rest[0] == '_' &&
                               (absl::ascii_isdigit(rest[1]) ||
                                absl::StartsWith(rest, "_in_")));
                     });
}

}  // namespace birthmark::storage
