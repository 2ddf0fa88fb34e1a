// log writes one JSON object a line to standard error:
//   {"time":"2026-01-01T00:00:00.000Z","level":"info","event":"server_started",
//    "address":"127.0.0.1:8441"}
//
//   Log(Level::kWarning, "database_lost", {{"role", "ca"}, {"error", text}});
//
// `event` and the keys are constants in snake_case; what varies is in the
// values. Never log keys, passwords, connection strings or personal data. The
// audit log is another thing. Thread-safe.

#ifndef BIRTHMARK_LIB_TELEMETRY_LOG_H_
#define BIRTHMARK_LIB_TELEMETRY_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::telemetry {

enum class Level { kDebug, kInfo, kWarning, kError };

// LogValue is a text, a number, a truth value or a duration (in seconds).
class LogValue {
 public:
  LogValue(absl::string_view text);  // NOLINT: implicit by design
  LogValue(const char* text) : LogValue(absl::string_view(text)) {}
  LogValue(const std::string& text) : LogValue(absl::string_view(text)) {}
  LogValue(bool value);
  LogValue(int value) : LogValue(int64_t{value}) {}
  LogValue(int64_t value);
  LogValue(uint64_t value);
  LogValue(double value);
  LogValue(absl::Duration value);

  // json is the value as JSON.
  const std::string& json() const { return json_; }

 private:
  std::string json_;
};

using LogFields = std::initializer_list<std::pair<absl::string_view, LogValue>>;

// Log writes a line unless `level` is below the limit.
void Log(Level level, absl::string_view event, LogFields fields = {});

// SetLogLevel sets the limit. The default is kInfo.
void SetLogLevel(Level level);

// CaptureLogs collects what is logged while it lives, for tests. One at a time.
class CaptureLogs {
 public:
  CaptureLogs();
  ~CaptureLogs();
  CaptureLogs(const CaptureLogs&) = delete;
  CaptureLogs& operator=(const CaptureLogs&) = delete;

  std::vector<std::string> lines() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace birthmark::telemetry

#endif  // BIRTHMARK_LIB_TELEMETRY_LOG_H_
