// Mass revocations as people read them: what one would do, how far it is, what
// a person must do next. Pure functions but for the printing ones.

#ifndef BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_TEXT_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "birthmark/revocation/v1/revocation_service.pb.h"

namespace birthmark::cli {

// JobStateText returns "pending approval", "running", ...
std::string JobStateText(const revocation::v1::RevocationJob& job);

// JobIsOver tells whether nothing of it will change any more.
bool JobIsOver(const revocation::v1::RevocationJob& job);

// NextStep says what a person does now, with the command for it.
std::string NextStep(const revocation::v1::RevocationJob& job);

// PrintPreview writes what `job` would do, as CreateRevocationJob counted it.
void PrintPreview(std::ostream& out, const revocation::v1::RevocationJob& job);

// PrintJob writes everything of `job`, its account and its next step.
void PrintJob(std::ostream& out, const revocation::v1::RevocationJob& job);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_TEXT_H_
