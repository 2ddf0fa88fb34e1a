// BIRTHMARK_RETURN_IF_ERROR and BIRTHMARK_ASSIGN_OR_RETURN: early return on a
// failed absl::Status or absl::StatusOr. Both work in functions that return
// absl::Status or any absl::StatusOr<T>.
//
//   BIRTHMARK_RETURN_IF_ERROR(store.Insert(row));
//   BIRTHMARK_ASSIGN_OR_RETURN(Csr csr, ParseCsr(der));

#ifndef BIRTHMARK_LIB_BASE_STATUS_MACROS_H_
#define BIRTHMARK_LIB_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define BIRTHMARK_STATUS_CONCAT_INNER_(a, b) a##b
#define BIRTHMARK_STATUS_CONCAT_(a, b) BIRTHMARK_STATUS_CONCAT_INNER_(a, b)

// BIRTHMARK_RETURN_IF_ERROR returns the status of `expr` unless it is OK.
#define BIRTHMARK_RETURN_IF_ERROR(expr)        \
  do {                                         \
    ::absl::Status birthmark_status_ = (expr); \
    if (!birthmark_status_.ok()) {             \
      return birthmark_status_;                \
    }                                          \
  } while (false)

// BIRTHMARK_ASSIGN_OR_RETURN moves the value of `rexpr` into `lhs`, which may
// declare a variable, or returns its status. `lhs` must hold no bare comma.
#define BIRTHMARK_ASSIGN_OR_RETURN(lhs, rexpr) \
  BIRTHMARK_ASSIGN_OR_RETURN_IMPL_(            \
      BIRTHMARK_STATUS_CONCAT_(birthmark_status_or_, __LINE__), lhs, rexpr)

#define BIRTHMARK_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, rexpr) \
  auto statusor = (rexpr);                                     \
  if (!statusor.ok()) {                                        \
    return std::move(statusor).status();                       \
  }                                                            \
  lhs = std::move(statusor).value()

#endif  // BIRTHMARK_LIB_BASE_STATUS_MACROS_H_
