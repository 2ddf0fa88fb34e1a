#ifndef BIRTHMARK_LIB_STORAGE_CATCH_H_
#define BIRTHMARK_LIB_STORAGE_CATCH_H_

#include "absl/status/status.h"

namespace birthmark::storage {

// Failure is what an exception of libpqxx means: the status to answer, and
// whether running the transaction again makes sense.
struct Failure {
  enum class Kind {
    kFinal,     // no
    kConflict,  // yes, on the same connection
    kBroken,    // yes, on another connection: nothing was committed
    kInDoubt,   // only if running it twice does no harm
  };
  Kind kind = Kind::kFinal;
  absl::Status status;
};

// CurrentFailure says what the exception means that is being handled. It may
// only be called inside of a catch block. This is the only place where
// exceptions of the database become statuses:
//
//   unique violation               kAlreadyExists
//   foreign key violation          kFailedPrecondition
//   serialisation, deadlock, lock  kAborted / TRANSACTION_CONFLICT
//   connection, shutdown, no room  kUnavailable / DATABASE_OFFLINE
//   outcome of a commit unknown    kUnknown
//   everything else                kInternal
//
// The text of kInternal and kUnknown is the database's own, which lib/rpc hides
// from callers; the others have a text of ours.
Failure CurrentFailure();

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CATCH_H_
