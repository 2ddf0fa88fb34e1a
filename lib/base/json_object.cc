#include "lib/base/json_object.h"

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace birthmark {
namespace {

using Event = nlohmann::json::parse_event_t;

// Watches the parser go by. What it refuses it refuses once and for all.
class Watch {
 public:
  bool Sees(Event event, const nlohmann::json& value) {
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        names_.emplace_back();
        good_ &= names_.size() <= kMaxJsonDepth;
        break;
      case Event::object_end:
      case Event::array_end:
        names_.pop_back();
        break;
      case Event::key:
        good_ &= names_.back().insert(value.get<std::string>()).second;
        break;
      case Event::value:
        break;
    }
    return good_;
  }

  bool good() const { return good_; }

 private:
  bool good_ = true;
  std::vector<std::set<std::string>> names_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text) {
  Watch watch;
  if (text.substr(0, 1) == "\xef") {
    return absl::InvalidArgumentError("a byte order mark is not JSON");
  }
  nlohmann::json json = nlohmann::json::parse(
      text.begin(), text.end(),
      [&watch](int, Event event, nlohmann::json& value) {
        return watch.Sees(event, value);
      },
      /*allow_exceptions=*/false);
  if (!watch.good()) {
    return absl::InvalidArgumentError(
        "JSON that is too deep, or has a name twice in one object");
  }
  if (!json.is_object()) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  return json;
}

}  // namespace birthmark
