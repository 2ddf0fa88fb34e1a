#include "lib/storage/journal_line.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  storage::RevocationChange change;
  change.revision = 42;
  change.serial = std::string(16, '\x5a');
  change.issuer_id = "idevid";
  change.not_after = absl::FromUnixSeconds(253402300799);
  change.revoke_time = absl::FromUnixSeconds(1767225600);
  change.update_time = change.revoke_time + absl::Microseconds(7);
  for (const auto state :
       {storage::RevocationState::kHeld, storage::RevocationState::kRevoked,
        storage::RevocationState::kReleased}) {
    change.state = state;
    std::string line = storage::FormatJournalLine(change);
    line.pop_back();
    seeds.push_back(line);
    // Without its checksum: the fields alone.
    seeds.push_back(line.substr(9));
    change.invalidity_time = change.revoke_time;
    change.crl_shard = -1;
  }
  return seeds;
}

}  // namespace birthmark::fuzz

// What parses is spelled as it would be written, whatever its checksum.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::storage::ParseJournalLine;
  const std::string input(reinterpret_cast<const char*>(data), size);
  for (const std::string& line :
       {input, birthmark::storage::JournalLineOf(input)}) {
    const auto change = ParseJournalLine(line);
    if (change.ok()) {
      FUZZ_CHECK(birthmark::storage::FormatJournalLine(*change) == line + "\n");
    } else {
      FUZZ_CHECK(absl::IsDataLoss(change.status()));
    }
  }
  return 0;
}
