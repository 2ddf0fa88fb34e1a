#include "lib/telemetry/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/base/clock.h"
#include "nlohmann/json.hpp"

namespace birthmark::telemetry {
namespace {

std::string Quote(absl::string_view text) {
  // Bytes that are no UTF-8 become U+FFFD: a log line is always valid JSON.
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', /*ensure_ascii=*/false,
            nlohmann::json::error_handler_t::replace);
}

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "unknown";
}

std::atomic<Level>& Limit() {
  static std::atomic<Level> limit{Level::kInfo};
  return limit;
}

// The sink that is in use. spdlog's sink writes a line in one piece.
struct Output {
  std::mutex mutex;
  std::vector<std::string>* capture = nullptr;  // under mutex
  spdlog::logger logger{"birthmark",
                        std::make_shared<spdlog::sinks::stderr_sink_mt>()};

  Output() {
    logger.set_pattern("%v");
    logger.set_level(spdlog::level::trace);
    logger.flush_on(spdlog::level::trace);
  }
};

// Never destroyed: threads may log until the process ends.
Output& TheOutput() {
  static Output& output = *new Output();
  return output;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

LogValue::LogValue(absl::string_view text) : json_(Quote(text)) {}
LogValue::LogValue(bool value) : json_(value ? "true" : "false") {}
LogValue::LogValue(int64_t value) : json_(absl::StrCat(value)) {}
LogValue::LogValue(uint64_t value) : json_(absl::StrCat(value)) {}
LogValue::LogValue(double value)
    : json_(std::isfinite(value) ? absl::StrFormat("%.9g", value) : "null") {}
LogValue::LogValue(absl::Duration value)
    : LogValue(absl::ToDoubleSeconds(value)) {}

void Log(Level level, absl::string_view event, LogFields fields) {
  if (level < Limit().load(std::memory_order_relaxed)) {
    return;
  }
  const absl::Time now = Clock::Real().Now();
  std::string line = absl::StrCat(
      "{\"time\":\"",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone()),
      "\",\"level\":\"", LevelName(level), "\",\"event\":", Quote(event));
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&line, ",", Quote(key), ":", value.json());
  }
  line.push_back('}');
  Output& output = TheOutput();
  {
    std::lock_guard<std::mutex> lock(output.mutex);
    if (output.capture != nullptr) {
      output.capture->push_back(std::move(line));
      return;
    }
  }
  output.logger.log(ToSpdlog(level), spdlog::string_view_t(line));
}

void SetLogLevel(Level level) { Limit().store(level); }

struct CaptureLogs::State {
  std::vector<std::string> lines;
};

CaptureLogs::CaptureLogs() : state_(std::make_unique<State>()) {
  Output& output = TheOutput();
  std::lock_guard<std::mutex> lock(output.mutex);
  output.capture = &state_->lines;
}

CaptureLogs::~CaptureLogs() {
  Output& output = TheOutput();
  std::lock_guard<std::mutex> lock(output.mutex);
  output.capture = nullptr;
}

std::vector<std::string> CaptureLogs::lines() const {
  std::lock_guard<std::mutex> lock(TheOutput().mutex);
  return state_->lines;
}

}  // namespace birthmark::telemetry
