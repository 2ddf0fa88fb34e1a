#include "services/cli/device_selection.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "services/cli/error_report.h"
#include "services/cli/label_text.h"
#include "services/cli/names.h"

namespace birthmark::cli {
namespace {

constexpr char kStates[] =
    "registered, active, quarantined, decommissioning or decommissioned";

// Options whose value goes into the filter as it is.
struct PlainOption {
  const char* option;
  const char* field;
};
constexpr PlainOption kPlain[] = {{"--model", "model"},
                                  {"--hardware-revision", "hardware_revision"},
                                  {"--serial-number", "serial_number"}};

// Lines and batches are named by an id, or as the other commands take them.
absl::Status AddMaker(const Arguments& args, std::vector<std::string>& terms) {
  if (args.Has("--line")) {
    std::string line = args.Text("--line");
    if (absl::StrContains(line, '/')) {
      BIRTHMARK_ASSIGN_OR_RETURN(line, LineName(line));
    }
    terms.push_back(FilterTerm("line", line));
  }
  if (args.Has("--batch")) {
    std::string batch = args.Text("--batch");
    if (absl::StrContains(batch, '/')) {
      BIRTHMARK_ASSIGN_OR_RETURN(batch, BatchName(batch));
    }
    terms.push_back(FilterTerm("batch", batch));
  }
  return absl::OkStatus();
}

absl::Status AddState(const Arguments& args, std::vector<std::string>& terms) {
  if (!args.Has("--state")) {
    return absl::OkStatus();
  }
  const std::string state = absl::AsciiStrToLower(args.Text("--state"));
  for (const absl::string_view known : {"registered", "active", "quarantined",
                                        "decommissioning", "decommissioned"}) {
    if (state == known) {
      terms.push_back(absl::StrCat("state = ", absl::AsciiStrToUpper(state)));
      return absl::OkStatus();
    }
  }
  return UsageError(
      absl::StrCat("'", args.Text("--state"), "' is no state: want ", kStates));
}

absl::Status AddFirmware(const Arguments& args,
                         std::vector<std::string>& terms) {
  for (const std::string& text : args.Texts("--firmware")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals + 1 == text.size() ||
        !IsResourceId(text.substr(0, equals))) {
      return UsageError(absl::StrCat(
          "'", text, "' is no firmware: want COMPONENT=VERSION, e.g. ",
          "application=4.1.0"));
    }
    terms.push_back(
        FilterTerm(absl::StrCat("firmware.", text.substr(0, equals)),
                   text.substr(equals + 1)));
  }
  return absl::OkStatus();
}

absl::Status AddLabels(const Arguments& args, std::vector<std::string>& terms) {
  for (const std::string& text : args.Texts("--label")) {
    if (!absl::StrContains(text, '=')) {
      BIRTHMARK_RETURN_IF_ERROR(CheckLabelKey(text));
      terms.push_back(absl::StrCat("labels.", text, ":*"));
      continue;
    }
    BIRTHMARK_ASSIGN_OR_RETURN(const auto label, ParseLabel(text));
    terms.push_back(FilterTerm(absl::StrCat("labels.", label.first),
                               LabelValueText(label.second)));
  }
  return absl::OkStatus();
}

}  // namespace

std::string FilterTerm(absl::string_view field, absl::string_view value) {
  return absl::StrCat(
      field, " = \"",
      absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::vector<Param> DeviceSelectionParams() {
  return {
      {.name = "--fleet", .value = "FLEET", .help = "only those of this fleet"},
      {.name = "--state", .value = "STATE", .help = kStates},
      {.name = "--model", .value = "MODEL", .help = "only this model"},
      {.name = "--hardware-revision",
       .value = "TEXT",
       .help = "only this hardware revision"},
      {.name = "--serial-number",
       .value = "TEXT",
       .help = "only this serial number; \"S-*\": all that start so"},
      {.name = "--line",
       .value = "LINE",
       .help = "only those made by this line"},
      {.name = "--batch", .value = "BATCH", .help = "only those of this batch"},
      {.name = "--firmware",
       .value = "COMPONENT=VERSION",
       .help = "only those that run it",
       .kind = ParamKind::kTexts},
      {.name = "--label",
       .value = "KEY=VALUE",
       .help = "only those with this label; KEY alone: whatever its value",
       .kind = ParamKind::kTexts},
      {.name = "--silent-for",
       .value = "TIME",
       .help = "only those that called, but not for this long, e.g. 30d",
       .kind = ParamKind::kDuration},
      {.name = "--filter",
       .value = "FILTER",
       .help = "a filter of the API, e.g. 'model = \"x\" AND "
               "create_time < \"2026-01-01T00:00:00Z\"'"}};
}

absl::StatusOr<DeviceSelection> DeviceSelectionFrom(const Arguments& args,
                                                    absl::Time now) {
  DeviceSelection selection;
  selection.parent = "fleets/-";
  if (args.Has("--fleet") && args.Text("--fleet") != "-") {
    BIRTHMARK_ASSIGN_OR_RETURN(selection.parent,
                               FleetName(args.Text("--fleet")));
  }
  std::vector<std::string> terms;
  BIRTHMARK_RETURN_IF_ERROR(AddState(args, terms));
  for (const PlainOption& plain : kPlain) {
    if (args.Has(plain.option)) {
      terms.push_back(FilterTerm(plain.field, args.Text(plain.option)));
    }
  }
  BIRTHMARK_RETURN_IF_ERROR(AddMaker(args, terms));
  BIRTHMARK_RETURN_IF_ERROR(AddFirmware(args, terms));
  BIRTHMARK_RETURN_IF_ERROR(AddLabels(args, terms));
  if (args.Has("--silent-for")) {
    terms.push_back(
        absl::StrCat("last_contact_time < \"",
                     absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                                      now - args.Duration("--silent-for"),
                                      absl::UTCTimeZone()),
                     "\""));
  }
  if (args.Has("--filter")) {
    terms.push_back(args.Text("--filter"));
  }
  selection.filter = absl::StrJoin(terms, " AND ");
  return selection;
}

}  // namespace birthmark::cli
