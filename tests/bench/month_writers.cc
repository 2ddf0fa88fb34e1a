#include "tests/bench/month_writers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace birthmark::bench {

MonthWriters::MonthWriters(std::string host, std::string table,
                           std::string columns)
    : host_(std::move(host)),
      table_(std::move(table)),
      columns_(std::move(columns)) {}

void MonthWriters::Choose(int64_t seconds) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::CivilMonth month(
      absl::ToCivilSecond(absl::FromUnixSeconds(seconds), utc));
  begin_ = absl::ToUnixSeconds(absl::FromCivil(month, utc));
  end_ = absl::ToUnixSeconds(absl::FromCivil(month + 1, utc));
  auto& writer = writers_[begin_];
  if (writer == nullptr) {
    writer = std::make_unique<CopyWriter>(
        host_,
        absl::StrCat(
            table_, "_",
            absl::FormatTime("%Y_%m", absl::FromUnixSeconds(begin_), utc)),
        columns_, /*frozen=*/true);
  }
  current_ = writer.get();
}

void MonthWriters::Close() {
  for (auto& [month, writer] : writers_) {
    writer->Close();
  }
}

}  // namespace birthmark::bench
