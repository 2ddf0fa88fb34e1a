// Floor is what nobody who issues a certificate can spare: one verification of
// a proof of possession and one signature, P-256 with SHA-256, with the same
// library and through the same interfaces as the servers: the proofs of a
// micro-batch are verified together, signatures are made one by one.
#ifndef BIRTHMARK_TESTS_BENCH_FLOOR_H_
#define BIRTHMARK_TESTS_BENCH_FLOOR_H_

#include "absl/time/time.h"
#include "lib/crypto/batch_verifier.h"

namespace birthmark::bench {

struct Floor {
  absl::Duration verify;
  absl::Duration sign;
  absl::Duration total() const { return verify + sign; }
};

// MeasureFloor returns the CPU time of one thread per operation: the mean of
// `rounds` of each.
Floor MeasureFloor(crypto::Arithmetic arithmetic, int rounds = 2048);

// MeasureFloorOnAllCores is the mean of MeasureFloor on as many threads at a
// time as there are processors. Where processors share a core it is higher,
// and nearer to what the servers see under load.
Floor MeasureFloorOnAllCores(crypto::Arithmetic arithmetic, int rounds = 2048);

// SignatureRate is how many signatures, P-256 with SHA-256, the machine makes
// when all its processors do nothing else.
struct SignatureRate {
  double per_second = 0;
  double per_cpu_second = 0;  // of one of the processors
};

// MeasureSignatureRate signs on as many threads as there are processors, each
// with a key of its own, for `duration`.
SignatureRate MeasureSignatureRate(absl::Duration duration);

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_FLOOR_H_
