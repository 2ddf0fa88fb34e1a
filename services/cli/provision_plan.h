// The plan of a provisioning run: which items there are, from a folder of CSRs
// and the CSV that describes the devices.

#ifndef BIRTHMARK_SERVICES_CLI_PROVISION_PLAN_H_
#define BIRTHMARK_SERVICES_CLI_PROVISION_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::cli {

struct PlannedItem {
  std::string id;
  std::string model;
  std::string serial_number;
  std::string hardware_revision;
  // Not OK: the item fails before anything is sent.
  absl::Status problem;
};

struct ProvisionPlan {
  std::vector<PlannedItem> items;
  // About the CSV as a whole, for people.
  std::vector<std::string> warnings;
};

// MakePlan joins the ids of CSR files with the text of a CSV whose header has
// the columns id, model, serial_number and, optionally, hardware_revision, in
// any order; others are ignored with a warning. What is wrong with one item is
// that item's problem: CSV_ROW_MISSING, CSR_MISSING, CSV_ROW_MALFORMED,
// DUPLICATE_ID, INVALID_FIELD. Fails with INPUT_MALFORMED if the CSV cannot be
// read or its header lacks a column. Items are in the order of the CSV, then
// those that it lacks. A pure function.
absl::StatusOr<ProvisionPlan> MakePlan(const std::vector<std::string>& csr_ids,
                                       absl::string_view csv);

// ReadPlan makes the plan of a folder with ID.csr files and the CSV file
// `csv_path`. FILE_UNUSABLE if either cannot be read.
absl::StatusOr<ProvisionPlan> ReadPlan(const std::string& csr_dir,
                                       const std::string& csv_path);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_PROVISION_PLAN_H_
