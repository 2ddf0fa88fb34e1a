// What is personal of devices, on its way out. docs/privacy.md. Only for
// lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_PERSONAL_DATA_H_
#define BIRTHMARK_LIB_STORAGE_PERSONAL_DATA_H_

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/device_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// Commitment is SHA-256(salt || value) in hex: it says nothing without the
// salt, and with it that it was this value.
std::string Commitment(absl::string_view salt, absl::string_view value);

// ErasePersonalData erases the personal labels and the names of devices that
// the transaction has locked, salts and all, and returns the commitments to
// what there was, by uid; devices of which there was nothing are not in it.
std::map<std::string, ErasedData> ErasePersonalData(
    Session& session, absl::Span<const std::string> device_uids);

// EraseLabelsAndNames erases the other labels too, and returns the same.
std::map<std::string, ErasedData> EraseLabelsAndNames(
    Session& session, absl::Span<const std::string> device_uids);

// AddCommitments adds to the details of an event what was erased: the
// commitments under erased.label.{key} and erased.display_name.
void AddCommitments(const ErasedData& erased,
                    std::map<std::string, std::string>& details);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PERSONAL_DATA_H_
