#include "lib/policy/device_fields.h"

#include <string>
#include <vector>

#include "lib/base/reasons.h"
#include "lib/base/testing.h"

namespace birthmark::policy {
namespace {

enum class Field { kSerialNumber, kModel, kHardwareRevision };

struct Case {
  const char* name;
  Field field;
  std::string value;
  bool good;
};

absl::Status Check(const Case& c) {
  switch (c.field) {
    case Field::kSerialNumber:
      return CheckSerialNumber(c.value);
    case Field::kModel:
      return CheckModel(c.value);
    case Field::kHardwareRevision:
      return CheckHardwareRevision(c.value);
  }
  return absl::InternalError("unreachable");
}

const char* FieldName(Field field) {
  switch (field) {
    case Field::kSerialNumber:
      return "serial_number";
    case Field::kModel:
      return "model";
    case Field::kHardwareRevision:
      return "hardware_revision";
  }
  return "";
}

class DeviceFieldTest : public testing::TestWithParam<Case> {};

TEST_P(DeviceFieldTest, IsTakenOrRefusedWithItsName) {
  const absl::Status status = Check(GetParam());
  if (GetParam().good) {
    EXPECT_OK(status);
    return;
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               reasons::kInvalidField));
  EXPECT_THAT(status, HasMetadata("field", FieldName(GetParam().field)));
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceFieldTest,
    testing::Values(
        Case{"SerialPlain", Field::kSerialNumber, "SN-00042/A", true},
        Case{"SerialAllPunctuation", Field::kSerialNumber, "a'()+,-./:=? z",
             true},
        Case{"SerialLongest", Field::kSerialNumber, std::string(64, '7'), true},
        Case{"SerialEmpty", Field::kSerialNumber, "", false},
        Case{"SerialTooLong", Field::kSerialNumber, std::string(65, '7'),
             false},
        Case{"SerialUnderscore", Field::kSerialNumber, "SN_1", false},
        Case{"SerialUtf8", Field::kSerialNumber, "S\xc3\xbc", false},
        Case{"SerialNul", Field::kSerialNumber, std::string("a\0b", 3), false},
        Case{"SerialLeadingSpace", Field::kSerialNumber, " 1", false},
        Case{"SerialOnlySpace", Field::kSerialNumber, " ", false},
        Case{"ModelPlain", Field::kModel, "Sensor_9 (rev B) <x>", true},
        Case{"ModelEmpty", Field::kModel, "", false},
        Case{"ModelTooLong", Field::kModel, std::string(65, 'm'), false},
        Case{"ModelLineFeed", Field::kModel, "a\nb", false},
        Case{"ModelTrailingSpace", Field::kModel, "m ", false},
        Case{"RevisionEmpty", Field::kHardwareRevision, "", true},
        Case{"RevisionPlain", Field::kHardwareRevision, "B2", true},
        Case{"RevisionTooLong", Field::kHardwareRevision, std::string(65, 'r'),
             false},
        Case{"RevisionControl", Field::kHardwareRevision, "\x7f", false}),
    [](const auto& info) { return info.param.name; });

TEST(CheckModelsTest, TakesDistinctModels) {
  EXPECT_OK(CheckModels({"m1", "m2"}));
}

struct ModelsCase {
  const char* name;
  std::vector<std::string> models;
};
class BadModelsTest : public testing::TestWithParam<ModelsCase> {};

TEST_P(BadModelsTest, IsRefused) {
  const absl::Status status = CheckModels(GetParam().models);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               reasons::kInvalidField));
  EXPECT_THAT(status, HasMetadata("field", "line.models"));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadModelsTest,
    testing::Values(ModelsCase{"None", {}},
                    ModelsCase{"TooMany", std::vector<std::string>(65, "m")},
                    ModelsCase{"OneTwice", {"a", "b", "a"}},
                    ModelsCase{"OneEmpty", {"a", ""}}),
    [](const auto& info) { return info.param.name; });

TEST(CheckModelAllowedTest, AllowsAModelOfTheLine) {
  EXPECT_OK(CheckModelAllowed({"m1", "m2"}, "m2"));
}

TEST(CheckModelAllowedTest, ComparesWholeNames) {
  for (const char* model : {"m", "M1", "m11", ""}) {
    EXPECT_THAT(CheckModelAllowed({"m1"}, model),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         reasons::kModelNotAllowed))
        << model;
  }
}

}  // namespace
}  // namespace birthmark::policy
