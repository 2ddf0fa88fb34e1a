// Resource names: `fleets/{fleet}/devices/{device}`. Pure functions.

#ifndef BIRTHMARK_LIB_BASE_RESOURCE_NAME_H_
#define BIRTHMARK_LIB_BASE_RESOURCE_NAME_H_

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark {

// ParseName matches `name` against `pattern`, whose segments are literal words
// or `{variables}`, and returns the values of the variables in order. A value
// is [a-z0-9-]{1,63}; a serial or a key id (hexadecimal, up to 64) fits too.
// `field` is the request field that held the name.
//   auto ids = ParseName("fleets/{fleet}/lines/{line}", request.name(),
//   "name");
// kInvalidArgument / BAD_RESOURCE_NAME, metadata field and expected.
absl::StatusOr<std::vector<std::string>> ParseName(
    absl::string_view pattern, absl::string_view name,
    absl::string_view field = "name");

// ParseParent is ParseName where `-` alone also stands for "all of them", as in
// List requests over `fleets/-`.
absl::StatusOr<std::vector<std::string>> ParseParent(
    absl::string_view pattern, absl::string_view name,
    absl::string_view field = "parent");

// FormatName puts `values` in place of the variables of `pattern`, in order.
// There must be as many as variables; they are not checked.
std::string FormatName(absl::string_view pattern,
                       std::initializer_list<absl::string_view> values);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_RESOURCE_NAME_H_
