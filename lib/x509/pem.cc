#include "lib/x509/pem.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN ";
constexpr absl::string_view kEnd = "-----END ";
constexpr absl::string_view kDashes = "-----";
constexpr absl::string_view kOldCsr = "NEW CERTIFICATE REQUEST";
constexpr size_t kLineLength = 64;
// RFC 7468 asks for 64; RFC 1421 and MIME writers use up to 76.
constexpr size_t kMaxLineLength = 76;

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kPemMalformed,
                   absl::StrCat("not PEM: ", what));
}

// Takes one line off `text`, without its end (LF or CR LF) and without
// trailing blanks, which RFC 7468 wants parsers to ignore.
absl::string_view TakeLine(absl::string_view* text) {
  const size_t end = text->find('\n');
  absl::string_view line = text->substr(0, end);
  text->remove_prefix(end == absl::string_view::npos ? text->size() : end + 1);
  while (!line.empty() &&
         (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  return line;
}

bool IsLabel(absl::string_view label) {
  return !label.empty() && std::all_of(label.begin(), label.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
  });
}

bool LabelMatches(absl::string_view found, absl::string_view wanted) {
  return found == wanted || (wanted == kPemCsr && found == kOldCsr);
}

}  // namespace

std::string PemEncode(absl::string_view label, absl::string_view der) {
  const std::string base64 = Base64Encode(der);
  std::string out = absl::StrCat(kBegin, label, kDashes, "\n");
  for (size_t i = 0; i < base64.size(); i += kLineLength) {
    absl::StrAppend(&out, base64.substr(i, kLineLength), "\n");
  }
  absl::StrAppend(&out, kEnd, label, kDashes, "\n");
  return out;
}

std::string PemEncodeAll(absl::string_view label,
                         absl::Span<const std::string> ders) {
  std::string out;
  for (const std::string& der : ders) {
    out += PemEncode(label, der);
  }
  return out;
}

absl::StatusOr<std::vector<PemBlock>> PemDecode(absl::string_view text,
                                                size_t limit) {
  if (text.size() > limit) {
    return Malformed("longer than allowed");
  }
  std::vector<PemBlock> blocks;
  while (!text.empty()) {
    absl::string_view line = TakeLine(&text);
    if (absl::StartsWith(line, kEnd)) {
      return Malformed("an END line without its BEGIN line");
    }
    if (!absl::ConsumePrefix(&line, kBegin)) {
      continue;
    }
    if (!absl::ConsumeSuffix(&line, kDashes) || !IsLabel(line)) {
      return Malformed("a spoiled BEGIN line");
    }
    PemBlock block;
    block.label = std::string(line);
    const std::string end = absl::StrCat(kEnd, block.label, kDashes);
    std::string base64;
    bool ended = false;
    while (!ended && !text.empty()) {
      line = TakeLine(&text);
      if (line == end) {
        ended = true;
      } else if (line.size() > kMaxLineLength) {
        return Malformed("a line of more than 76 characters");
      } else {
        absl::StrAppend(&base64, line);
      }
    }
    if (!ended) {
      return Malformed("a block without its END line");
    }
    // Headers, dashes and blanks within a line are foreign to base64.
    auto der = Base64Decode(base64);
    if (!der.ok() || der->empty()) {
      return Malformed("a block that is not base64");
    }
    block.der = *std::move(der);
    blocks.push_back(std::move(block));
  }
  return blocks;
}

absl::StatusOr<std::vector<std::string>> PemDecodeAll(absl::string_view text,
                                                      absl::string_view label,
                                                      size_t limit) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<PemBlock> blocks,
                             PemDecode(text, limit));
  std::vector<std::string> ders;
  for (PemBlock& block : blocks) {
    if (LabelMatches(block.label, label)) {
      ders.push_back(std::move(block.der));
    }
  }
  if (ders.empty()) {
    return Malformed(absl::StrCat("it has no block labelled ", label));
  }
  return ders;
}

absl::StatusOr<std::string> PemDecodeOne(absl::string_view text,
                                         absl::string_view label,
                                         size_t limit) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<std::string> ders,
                             PemDecodeAll(text, label, limit));
  if (ders.size() != 1) {
    return Malformed(absl::StrCat("more than one block labelled ", label));
  }
  return std::move(ders.front());
}

absl::StatusOr<std::string> PemOrDer(absl::string_view bytes,
                                     absl::string_view label, size_t limit) {
  if (bytes.size() > limit) {
    return Malformed("longer than allowed");
  }
  // Text may start with "0", the first octet of a DER SEQUENCE, too; but then
  // its length hardly fits.
  CBS cbs = internal::ToCbs(bytes);
  absl::string_view content;
  const bool is_der =
      internal::ReadContent(&cbs, CBS_ASN1_SEQUENCE, &content) &&
      CBS_len(&cbs) == 0;
  if (is_der || !absl::StrContains(bytes, kBegin)) {
    return std::string(bytes);
  }
  return PemDecodeOne(bytes, label, limit);
}

}  // namespace birthmark::x509
