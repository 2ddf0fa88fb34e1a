// lint_internal is what the parts of the linter share. Internal to lib/x509.
#ifndef BIRTHMARK_LIB_X509_LINT_INTERNAL_H_
#define BIRTHMARK_LIB_X509_LINT_INTERNAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/x509/der.h"
#include "lib/x509/extension.h"
#include "lib/x509/general_names.h"
#include "lib/x509/lint.h"
#include "lib/x509/name.h"

namespace birthmark::x509::internal {

// Findings collects. Text is made only when something is wrong.
class Findings {
 public:
  explicit Findings(std::vector<Finding>* out) : out_(*out) {}

  // Require adds a finding unless `ok`. `rule` is a literal.
  void Require(bool ok, absl::string_view rule, absl::string_view text) {
    if (!ok) {
      out_.push_back(Finding{rule, std::string(text)});
    }
  }

 private:
  std::vector<Finding>& out_;
};

// TbsView is a TBSCertificate taken apart. Views live as long as the input.
struct TbsView {
  bool is_version_3 = false;
  absl::string_view serial;
  bool serial_negative = false;
  absl::string_view algorithm;
  absl::string_view issuer;
  ParsedTime not_before;
  ParsedTime not_after;
  absl::string_view subject;
  absl::string_view spki;
  bool has_unique_ids = false;
  std::vector<ExtensionView> extensions;

  // Decoded; absent if the extension is.
  std::optional<DistinguishedName> subject_name;
  std::optional<BasicConstraints> basic_constraints;
  std::optional<uint16_t> key_usage;
  std::vector<Oid> extended_key_usages;
  bool has_authority_key_id = false;
  std::optional<std::string> authority_key_id;
  std::optional<std::string> subject_key_id;
  bool has_subject_alt_names = false;
  SubjectAltNames subject_alt_names;
  std::vector<std::string> crl_uris;
  std::vector<std::string> ocsp_uris;
  bool has_crl_uris = false;
  bool has_freshest_crl = false;
  std::vector<std::string> freshest_crl_uris;
  bool no_rev_avail = false;
  bool ocsp_no_check = false;

  bool is_ca() const {
    return basic_constraints.has_value() && basic_constraints->is_ca;
  }
  bool HasUsage(absl::string_view usage) const {
    for (const Oid& oid : extended_key_usages) {
      if (oid == usage) {
        return true;
      }
    }
    return false;
  }
};

// ReadTbs takes `tbs` apart down to its extensions, without decoding names or
// extensions. Returns "" or the place that is not strict DER.
absl::string_view ReadTbs(absl::string_view tbs, TbsView* out);

// LintFields checks everything before the extensions (RFC 5280 4.1) and
// decodes the subject.
void LintFields(const LintProfile& profile, TbsView* tbs, Findings* findings);

// LintExtensions decodes the extensions and checks each, and how they fit one
// another (RFC 5280 4.2).
void LintExtensions(const LintProfile& profile, TbsView* tbs,
                    Findings* findings);

// LintKind checks what IEEE 802.1AR, SPIFFE and this system ask of the kind.
void LintKindRules(const LintProfile& profile, const TbsView& tbs,
                   Findings* findings);

// IsAbsoluteUri says whether `uri` has a scheme and something after it
// (RFC 3986 4.3), in ASCII.
bool IsAbsoluteUri(absl::string_view uri);

// TimeEncodingFits says whether UTCTime is used up to 2049 and GeneralizedTime
// from then on (RFC 5280 4.1.2.5).
bool TimeEncodingFits(const ParsedTime& time);

}  // namespace birthmark::x509::internal

#endif  // BIRTHMARK_LIB_X509_LINT_INTERNAL_H_
