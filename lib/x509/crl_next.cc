#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/status_macros.h"
#include "lib/x509/crl.h"
#include "lib/x509/crl_internal.h"
#include "lib/x509/der.h"
#include "lib/x509/serial.h"

namespace birthmark::x509 {
namespace {

absl::Status CheckPrevious(const CrlSpec& spec, const CrlFields& previous) {
  if (spec.base_number.has_value()) {
    return internal::CrlInvalid("base_number",
                                "has no place in a complete CRL");
  }
  if (previous.base_number.has_value()) {
    return internal::CrlInvalid("previous", "is a delta CRL");
  }
  if (!previous.ascending) {
    return internal::CrlInvalid("previous",
                                "does not have its entries in ascending order");
  }
  if (previous.issuer_der != spec.issuer_name_der) {
    return internal::CrlInvalid("previous", "is of another issuer");
  }
  const bool same_shard = spec.shard_uri.empty()
                              ? previous.shard_uris.empty()
                              : previous.shard_uris.size() == 1 &&
                                    previous.shard_uris[0] == spec.shard_uri;
  return same_shard ? absl::OkStatus()
                    : internal::CrlInvalid("previous", "is of another shard");
}

// Merger writes old and new entries in one order. Old ones are copied in runs
// as long as nothing comes between them.
class Merger {
 public:
  Merger(const std::vector<CrlEntry>& added,
         const std::vector<absl::string_view>& removed, size_t capacity)
      : next_(added.begin()),
        end_(added.end()),
        removed_(removed.begin()),
        removed_end_(removed.end()),
        writer_(capacity) {}

  // Old takes the next old entry; `entry` is where it stands.
  bool Old(absl::string_view entry, absl::string_view serial) {
    while (next_ != end_ && CompareSerials(next_->serial, serial) < 0) {
      if (!New()) {
        return false;
      }
    }
    while (removed_ != removed_end_ && CompareSerials(*removed_, serial) < 0) {
      ++removed_;
    }
    const bool replaced =
        next_ != end_ && CompareSerials(next_->serial, serial) == 0;
    const bool gone =
        removed_ != removed_end_ && CompareSerials(*removed_, serial) == 0;
    if (replaced || gone) {
      return true;
    }
    if (run_.data() + run_.size() != entry.data()) {
      if (!Flush()) {
        return false;
      }
      run_ = entry.substr(0, 0);
    }
    run_ = absl::string_view(run_.data(), run_.size() + entry.size());
    return true;
  }

  bool Finish(std::string* out) {
    while (next_ != end_) {
      if (!New()) {
        return false;
      }
    }
    if (!Flush()) {
      return false;
    }
    *out = writer_.Take();
    return true;
  }

 private:
  bool New() {
    return Flush() && internal::AddCrlEntry(writer_.cbb(), *next_++);
  }

  bool Flush() {
    const bool ok = internal::AddBytes(writer_.cbb(), run_);
    run_ = absl::string_view();
    return ok;
  }

  std::vector<CrlEntry>::const_iterator next_;
  const std::vector<CrlEntry>::const_iterator end_;
  std::vector<absl::string_view>::const_iterator removed_;
  const std::vector<absl::string_view>::const_iterator removed_end_;
  absl::string_view run_;
  internal::Writer writer_;
};

// The removed serials in ascending order, none of them among the new entries.
absl::StatusOr<std::vector<absl::string_view>> SortRemoved(
    const CrlSpec& spec, absl::Span<const std::string> removed) {
  std::vector<absl::string_view> sorted(removed.begin(), removed.end());
  std::sort(sorted.begin(), sorted.end(),
            [](absl::string_view a, absl::string_view b) {
              return CompareSerials(a, b) < 0;
            });
  auto entry = spec.entries.begin();
  for (const absl::string_view serial : sorted) {
    while (entry != spec.entries.end() &&
           CompareSerials(entry->serial, serial) < 0) {
      ++entry;
    }
    if (entry != spec.entries.end() &&
        CompareSerials(entry->serial, serial) == 0) {
      return internal::CrlInvalid("removed", "holds the serial of a new entry");
    }
  }
  return sorted;
}

}  // namespace

absl::StatusOr<std::string> BuildNextCrlTbs(
    const CrlSpec& spec, const Crl& previous,
    absl::Span<const std::string> removed) {
  BIRTHMARK_RETURN_IF_ERROR(internal::CheckCrlSpec(spec));
  BIRTHMARK_RETURN_IF_ERROR(CheckPrevious(spec, previous.fields()));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<absl::string_view> gone,
                             SortRemoved(spec, removed));
  const absl::string_view old_entries = previous.entries_der();
  Merger merger(spec.entries, gone,
                old_entries.size() +
                    spec.entries.size() * internal::kUsualCrlEntrySize + 1);
  CBS rest = internal::ToCbs(old_entries);
  while (CBS_len(&rest) != 0) {
    absl::string_view entry;
    absl::string_view serial;
    CBS fields;
    if (!internal::ReadCrlEntrySerial(&rest, &entry, &serial, &fields)) {
      return internal::CrlInvalid("previous", "has a spoiled entry");
    }
    if (!merger.Old(entry, serial)) {
      return internal::CrlInvalid("entry", "cannot be encoded");
    }
  }
  std::string entries;
  if (!merger.Finish(&entries)) {
    return internal::CrlInvalid("entry", "cannot be encoded");
  }
  return internal::WriteCrlTbs(spec, entries);
}

}  // namespace birthmark::x509
