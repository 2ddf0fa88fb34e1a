// RevocationBarrier is what a call passes after it has revoked something and
// before it says so.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_BARRIER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_BARRIER_H_

namespace birthmark::registration {

// RevocationBarrier is thread-safe.
class RevocationBarrier {
 public:
  virtual ~RevocationBarrier() = default;
  // Settle returns when everything that was committed before the call is in
  // the revocation journal, or cannot be written there: a revocation is not
  // taken back for that, so there is no status. Calls at the same time share
  // the work.
  virtual void Settle() = 0;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_BARRIER_H_
