#include "lib/rpc/page.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/secret.h"

namespace birthmark::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A token that we made is far shorter.
constexpr size_t kMaxTokenSize = 2048;

crypto::Aead MakeAead(absl::string_view secret) {
  std::string key =
      crypto::Sha256(absl::StrCat("birthmark page token, version 1\n", secret));
  // The key has the right length, so New cannot fail.
  return *crypto::Aead::New(crypto::SecretBytes::Take(std::move(key)));
}

// Context is what a token is bound to: the request without the two fields that
// differ from page to page.
std::string Context(const Message& request) {
  std::unique_ptr<Message> copy(request.New());
  copy->CopyFrom(request);
  for (const char* name : {"page_size", "page_token"}) {
    const FieldDescriptor* field = copy->GetDescriptor()->FindFieldByName(name);
    if (field != nullptr) {
      copy->GetReflection()->ClearField(copy.get(), field);
    }
  }
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy->SerializeToCodedStream(&coded);
  }
  return absl::StrCat(request.GetDescriptor()->full_name(), "\n",
                      crypto::Sha256(bytes));
}

absl::Status Mismatch() {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   reasons::kPageTokenMismatch,
                   "page_token belongs to another query; keep all fields but "
                   "page_size as they were, or start again without a token",
                   {{"field", "page_token"}});
}

}  // namespace

absl::StatusOr<int> PageSize(int32_t asked) {
  if (asked < 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                     absl::StrCat("page_size must not be negative, is ", asked),
                     {{"field", "page_size"}});
  }
  return asked == 0 ? kDefaultPageSize : std::min(asked, kMaxPageSize);
}

PageTokenCodec::PageTokenCodec(absl::string_view secret)
    : aead_(MakeAead(secret)) {}

std::string PageTokenCodec::Seal(absl::string_view cursor,
                                 const Message& request) const {
  return Base64UrlEncode(aead_.Seal(cursor, Context(request)));
}

absl::StatusOr<std::string> PageTokenCodec::Open(const Message& request) const {
  const FieldDescriptor* field =
      request.GetDescriptor()->FindFieldByName("page_token");
  if (field == nullptr ||
      field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return absl::InternalError(absl::StrCat(
        request.GetDescriptor()->full_name(), " has no page_token"));
  }
  const std::string token = request.GetReflection()->GetString(request, field);
  if (token.empty()) {
    return std::string();
  }
  if (token.size() > kMaxTokenSize) {
    return Mismatch();
  }
  const absl::StatusOr<std::string> sealed = Base64UrlDecode(token);
  if (!sealed.ok()) {
    return Mismatch();
  }
  absl::StatusOr<std::string> cursor = aead_.Open(*sealed, Context(request));
  if (!cursor.ok()) {
    return Mismatch();
  }
  return cursor;
}

}  // namespace birthmark::rpc
