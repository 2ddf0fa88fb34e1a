#include "lib/config/textproto.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"

namespace birthmark::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

constexpr absl::string_view kUnixPrefix = "unix:";

class ErrorList : public google::protobuf::io::ErrorCollector {
 public:
  explicit ErrorList(absl::string_view name) : name_(name) {}

  // Protobuf counts from 0; people and editors from 1.
  void AddError(int line, int column, const std::string& text) override {
    errors_.push_back(
        absl::StrCat(name_, ":", line + 1, ":", column + 1, ": ", text));
  }
  void AddWarning(int line, int column, const std::string& text) override {
    AddError(line, column, text);
  }

  bool empty() const { return errors_.empty(); }
  std::string Text() const { return absl::StrJoin(errors_, "\n"); }

 private:
  const std::string name_;
  std::vector<std::string> errors_;
};

bool IsPathField(absl::string_view name) {
  return absl::EndsWith(name, "_file") || absl::EndsWith(name, "_files") ||
         absl::EndsWith(name, "_dir");
}

bool IsAddressField(absl::string_view name) {
  return name == "address" || absl::EndsWith(name, "_address");
}

std::string Resolve(absl::string_view config_path, absl::string_view field,
                    const std::string& value) {
  const bool is_path = IsPathField(field);
  const bool is_socket =
      IsAddressField(field) && absl::StartsWith(value, kUnixPrefix);
  return is_path || is_socket ? ResolvePath(config_path, value) : value;
}

}  // namespace

absl::Status ParseInto(absl::string_view text, absl::string_view name,
                       Message& message) {
  ErrorList errors(name);
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  const bool parsed = parser.ParseFromString(std::string(text), &message);
  // A warning, e.g. about a deprecated field, counts too.
  if (!parsed || !errors.empty()) {
    message.Clear();
    return absl::InvalidArgumentError(
        errors.empty() ? absl::StrCat(name, ": cannot be parsed")
                       : errors.Text());
  }
  return absl::OkStatus();
}

absl::Status LoadInto(const std::string& path, Message& message) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseInto(text, path, message);
}

std::string Print(const Message& message) {
  std::string text;
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  printer.PrintToString(message, &text);
  return text;
}

std::string ResolvePath(absl::string_view config_path, absl::string_view path) {
  absl::string_view bare = path;
  const bool is_socket = absl::ConsumePrefix(&bare, kUnixPrefix);
  if (bare.empty() || bare.front() == '/') {
    return std::string(path);
  }
  const size_t slash = config_path.rfind('/');
  if (slash == absl::string_view::npos) {
    return std::string(path);
  }
  return absl::StrCat(is_socket ? kUnixPrefix : "",
                      config_path.substr(0, slash + 1), bare);
}

void ResolveFilePaths(absl::string_view config_path, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count =
        field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ResolveFilePaths(
            config_path,
            field->is_repeated()
                ? *reflection.MutableRepeatedMessage(&message, field, i)
                : *reflection.MutableMessage(&message, field));
      } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
        continue;
      } else if (field->is_repeated()) {
        reflection.SetRepeatedString(
            &message, field, i,
            Resolve(config_path, field->name(),
                    reflection.GetRepeatedString(message, field, i)));
      } else {
        reflection.SetString(&message, field,
                             Resolve(config_path, field->name(),
                                     reflection.GetString(message, field)));
      }
    }
  }
}

}  // namespace birthmark::config
