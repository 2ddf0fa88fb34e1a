// textproto reads configuration files: protobuf messages in text format.
//
//   BIRTHMARK_ASSIGN_OR_RETURN(
//       auto config, config::Load<config::v1::ServerConfig>(path));

#ifndef BIRTHMARK_LIB_CONFIG_TEXTPROTO_H_
#define BIRTHMARK_LIB_CONFIG_TEXTPROTO_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace birthmark::config {

// LoadInto reads `path` into `message`, which it clears first. Unknown fields,
// fields given twice and syntax errors are kInvalidArgument with
// `path:line:column: what`, all of them in one text. Other codes as ReadFile.
// Thread-safe.
absl::Status LoadInto(const std::string& path,
                      google::protobuf::Message& message);

// ParseInto is LoadInto for text that is already read; `name` stands for the
// path in errors.
absl::Status ParseInto(absl::string_view text, absl::string_view name,
                       google::protobuf::Message& message);

// Load is LoadInto for a fresh message.
template <typename T>
absl::StatusOr<T> Load(const std::string& path) {
  T message;
  absl::Status status = LoadInto(path, message);
  if (!status.ok()) {
    return status;
  }
  return message;
}

// Print returns the text format of `message`, readable by Load.
std::string Print(const google::protobuf::Message& message);

// ResolvePath returns `path` as seen from the folder of the file `config_path`
// that mentions it. Absolute paths, and `unix:` addresses with one, stay as
// they are; an empty one stays empty.
std::string ResolvePath(absl::string_view config_path, absl::string_view path);

// ResolveFilePaths makes every path in `message` and the messages below it
// absolute by ResolvePath: string fields whose names end in `_file`, `_files`
// or `_dir`, and `unix:` values of those named `address` or ending in
// `_address`.
void ResolveFilePaths(absl::string_view config_path,
                      google::protobuf::Message& message);

}  // namespace birthmark::config

#endif  // BIRTHMARK_LIB_CONFIG_TEXTPROTO_H_
