#include "lib/base/json_string.h"

#include <map>
#include <string>

#include "lib/base/testing.h"
#include "nlohmann/json.hpp"

namespace birthmark {
namespace {

std::string Library(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TEST(JsonStringTest, WritesWhatTheLibraryWritesForEveryOctet) {
  for (int c = 0; c < 256; ++c) {
    const std::string value = std::string("a") + static_cast<char>(c) + "b";
    std::string json = "x";
    AppendJsonString(value, json);
    EXPECT_EQ(json, "x" + Library(value)) << c;
  }
}

TEST(JsonStringTest, KeepsUtf8) {
  std::string json;
  AppendJsonString("K\xc3\xa4se \xe2\x82\xac \xf0\x9f\xa7\x80", json);
  EXPECT_EQ(json, "\"K\xc3\xa4se \xe2\x82\xac \xf0\x9f\xa7\x80\"");
}

TEST(JsonStringTest, WritesObjectsInOrderOfKeys) {
  using Object = std::map<std::string, std::string>;
  for (const Object& object :
       {Object{}, Object{{"a", ""}}, Object{{"b", "1"}, {"a\"", "\n"}}}) {
    std::string json;
    AppendJsonObject(object, json);
    EXPECT_EQ(json, object.empty() ? "{}" : Library(object));
  }
}

}  // namespace
}  // namespace birthmark
