#include "lib/base/json_string.h"

#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace birthmark {
namespace {

bool StandsForItself(absl::string_view value) {
  bool all = true;
  for (const char c : value) {
    all &= c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  }
  return all;
}

}  // namespace

void AppendJsonString(absl::string_view value, std::string& json) {
  if (!StandsForItself(value)) {
    json += nlohmann::json(std::string(value))
                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return;
  }
  json += '"';
  json.append(value.data(), value.size());
  json += '"';
}

void AppendJsonObject(const std::map<std::string, std::string>& object,
                      std::string& json) {
  char before = '{';
  for (const auto& [key, value] : object) {
    json += before;
    before = ',';
    AppendJsonString(key, json);
    json += ':';
    AppendJsonString(value, json);
  }
  json += object.empty() ? "{}" : "}";
}

}  // namespace birthmark
