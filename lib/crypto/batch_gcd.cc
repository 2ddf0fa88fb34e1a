#include "lib/crypto/batch_gcd.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "gmpxx.h"
#include "lib/base/status_macros.h"

namespace birthmark::crypto {
namespace {

using Row = std::vector<mpz_class>;

mpz_class FromBytes(absl::string_view bytes) {
  mpz_class number;
  mpz_import(number.get_mpz_t(), bytes.size(), 1, 1, 1, 0, bytes.data());
  return number;
}

std::string ToBytes(const mpz_class& number) {
  std::string bytes((mpz_sizeinbase(number.get_mpz_t(), 2) + 7) / 8, '\0');
  size_t size = 0;
  mpz_export(bytes.data(), &size, 1, 1, 1, 0, number.get_mpz_t());
  bytes.resize(size);
  return bytes;
}

mpz_class Gcd(const mpz_class& a, const mpz_class& b) {
  mpz_class result;
  mpz_gcd(result.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
  return result;
}

bool Divides(const mpz_class& factor, const mpz_class& number) {
  return mpz_divisible_p(number.get_mpz_t(), factor.get_mpz_t()) != 0;
}

class Reporter {
 public:
  explicit Reporter(const BatchGcdOptions& options) : options_(options) {}

  absl::Status At(absl::string_view phase, size_t done, size_t of) const {
    const double share =
        of == 0 ? 1 : static_cast<double>(done) / static_cast<double>(of);
    return !options_.progress || options_.progress(phase, share)
               ? absl::OkStatus()
               : absl::CancelledError("the computation was given up");
  }

 private:
  const BatchGcdOptions& options_;
};

// Trees is the product tree and the way down through remainders. The products
// of single chunks and all above them are kept; those within a chunk are made
// twice.
class Trees {
 public:
  Trees(absl::Span<const std::string> moduli, size_t chunk,
        const Reporter& reporter)
      : moduli_(moduli), chunk_(chunk), reporter_(reporter) {}

  // For each modulus, its common factor with the product of the others.
  absl::StatusOr<Row> CommonFactors() {
    BIRTHMARK_RETURN_IF_ERROR(GoUp());
    factors_.resize(moduli_.size());
    mpz_class product = levels_.back()[0];
    BIRTHMARK_RETURN_IF_ERROR(
        GoDown(levels_.size() - 1, 0, std::move(product)));
    return std::move(factors_);
  }

  uint64_t words() const { return words_; }

 private:
  Row ReadChunk(size_t number) const {
    Row row;
    const size_t end = std::min(moduli_.size(), (number + 1) * chunk_);
    for (size_t i = number * chunk_; i < end; ++i) {
      row.push_back(FromBytes(moduli_[i]));
    }
    return row;
  }

  Row ProductsOfPairs(const Row& row) {
    Row above;
    above.reserve((row.size() + 1) / 2);
    for (size_t i = 0; i < row.size(); i += 2) {
      above.push_back(i + 1 < row.size() ? mpz_class(row[i] * row[i + 1])
                                         : row[i]);
      words_ += mpz_size(above.back().get_mpz_t());
    }
    return above;
  }

  std::vector<Row> TreeOf(Row leaves) {
    std::vector<Row> levels;
    levels.push_back(std::move(leaves));
    while (levels.back().size() > 1) {
      levels.push_back(ProductsOfPairs(levels.back()));
    }
    return levels;
  }

  absl::Status GoUp() {
    const size_t chunks = (moduli_.size() + chunk_ - 1) / chunk_;
    Row products;
    for (size_t i = 0; i < chunks; ++i) {
      BIRTHMARK_RETURN_IF_ERROR(reporter_.At("multiplying", i, chunks));
      Row row = ReadChunk(i);
      while (row.size() > 1) {
        row = ProductsOfPairs(row);
      }
      products.push_back(std::move(row[0]));
    }
    levels_ = TreeOf(std::move(products));
    return absl::OkStatus();
  }

  // What is below a node that `remainder` is the product's remainder by the
  // square of. A node is not needed any more when all below it is done.
  absl::Status GoDown(size_t level, size_t node, mpz_class remainder) {
    if (level == 0) {
      BIRTHMARK_RETURN_IF_ERROR(
          reporter_.At("dividing", node, levels_[0].size()));
      FinishChunk(node, std::move(remainder));
      return absl::OkStatus();
    }
    levels_[level][node] = 0;
    Row& below = levels_[level - 1];
    for (size_t child = 2 * node; child < std::min(2 * node + 2, below.size());
         ++child) {
      mpz_class next = Remainder(remainder, below[child]);
      BIRTHMARK_RETURN_IF_ERROR(GoDown(level - 1, child, std::move(next)));
    }
    return absl::OkStatus();
  }

  mpz_class Remainder(const mpz_class& number, const mpz_class& root) {
    words_ += mpz_size(number.get_mpz_t());
    const mpz_class square = root * root;
    return number % square;
  }

  void FinishChunk(size_t chunk, mpz_class remainder) {
    levels_[0][chunk] = 0;
    std::vector<Row> levels = TreeOf(ReadChunk(chunk));
    Row remainders;
    remainders.push_back(std::move(remainder));
    for (size_t level = levels.size() - 1; level > 0; --level) {
      const Row& below = levels[level - 1];
      Row next;
      next.reserve(below.size());
      for (size_t i = 0; i < below.size(); ++i) {
        next.push_back(Remainder(remainders[i / 2], below[i]));
      }
      remainders = std::move(next);
    }
    const Row& leaves = levels[0];
    for (size_t i = 0; i < leaves.size(); ++i) {
      const mpz_class mine = remainders[i] % (leaves[i] * leaves[i]);
      factors_[chunk * chunk_ + i] = Gcd(leaves[i], mine / leaves[i]);
    }
  }

  const absl::Span<const std::string> moduli_;
  const size_t chunk_;
  const Reporter& reporter_;
  std::vector<Row> levels_;
  Row factors_;
  uint64_t words_ = 0;
};

// Sharing says who shares what, among the moduli that share something.
class Sharing {
 public:
  explicit Sharing(const Reporter& reporter) : reporter_(reporter) {}

  void Add(size_t index, mpz_class modulus, const mpz_class& factor) {
    if (factor != modulus) {
      Split(modulus, factor);
    } else {
      whole_.insert(modulus);
    }
    holders_[std::move(modulus)].push_back(index);
  }

  absl::StatusOr<std::vector<SharedFactor>> Find() {
    BIRTHMARK_RETURN_IF_ERROR(TakeApart());
    while (!whole_.empty()) {
      const mpz_class modulus = *whole_.begin();
      whole_.erase(whole_.begin());
      // Nothing known divides it: it is there twice, or shares both primes with
      // others of its kind.
      for (const mpz_class& other : whole_) {
        const mpz_class factor = Gcd(modulus, other);
        if (factor != 1) {
          Split(modulus, factor);
          break;
        }
      }
      if (parts_.count(modulus) == 0) {
        parts_[modulus].insert(modulus);
      }
      BIRTHMARK_RETURN_IF_ERROR(TakeApart());
    }
    BIRTHMARK_RETURN_IF_ERROR(LookAtTheLonely());
    return Groups();
  }

 private:
  void Split(const mpz_class& modulus, const mpz_class& factor) {
    for (const mpz_class& part : {factor, mpz_class(modulus / factor)}) {
      if (known_.insert(part).second) {
        fresh_.push_back(part);
      }
      parts_[modulus].insert(part);
    }
  }

  // Tries every factor that is new on those that are whole still.
  absl::Status TakeApart() {
    while (!fresh_.empty()) {
      const mpz_class factor = std::move(fresh_.back());
      fresh_.pop_back();
      for (auto modulus = whole_.begin(); modulus != whole_.end();) {
        if (Divides(factor, *modulus)) {
          Split(*modulus, factor);
          modulus = whole_.erase(modulus);
        } else {
          ++modulus;
        }
      }
      BIRTHMARK_RETURN_IF_ERROR(reporter_.At(
          "taking apart", known_.size() - fresh_.size(), known_.size()));
    }
    return absl::OkStatus();
  }

  std::map<mpz_class, std::vector<size_t>> Members() const {
    std::map<mpz_class, std::vector<size_t>> members;
    for (const auto& [modulus, parts] : parts_) {
      const std::vector<size_t>& holders = holders_.at(modulus);
      for (const mpz_class& part : parts) {
        std::vector<size_t>& list = members[part];
        list.insert(list.end(), holders.begin(), holders.end());
      }
    }
    return members;
  }

  // A modulus of more than two primes may have been taken apart in another way
  // than its neighbours: it is compared with each.
  absl::Status LookAtTheLonely() {
    const auto members = Members();
    std::vector<mpz_class> lonely;
    for (const auto& [modulus, parts] : parts_) {
      if (std::none_of(parts.begin(), parts.end(), [&](const mpz_class& part) {
            return members.at(part).size() > 1;
          })) {
        lonely.push_back(modulus);
      }
    }
    for (size_t i = 0; i < lonely.size(); ++i) {
      BIRTHMARK_RETURN_IF_ERROR(reporter_.At("comparing", i, lonely.size()));
      for (auto& [other, parts] : parts_) {
        const mpz_class factor = Gcd(lonely[i], other);
        if (other != lonely[i] && factor != 1) {
          parts.insert(factor);
          parts_[lonely[i]].insert(factor);
        }
      }
    }
    return absl::OkStatus();
  }

  std::vector<SharedFactor> Groups() const {
    std::vector<SharedFactor> groups;
    for (auto& [factor, list] : Members()) {
      if (list.size() > 1) {
        std::vector<size_t> sorted = list;
        std::sort(sorted.begin(), sorted.end());
        groups.push_back({ToBytes(factor), std::move(sorted)});
      }
    }
    return groups;
  }

  const Reporter& reporter_;
  std::map<mpz_class, std::vector<size_t>> holders_;  // by modulus
  std::map<mpz_class, std::set<mpz_class>> parts_;    // by modulus
  std::set<mpz_class> whole_;                         // not taken apart yet
  std::set<mpz_class> known_;
  std::vector<mpz_class> fresh_;  // known, and not tried yet
};

}  // namespace

absl::StatusOr<BatchGcdResult> BatchGcd(absl::Span<const std::string> moduli,
                                        const BatchGcdOptions& options) {
  BatchGcdResult result;
  result.factors.resize(moduli.size());
  for (const std::string& modulus : moduli) {
    if (FromBytes(modulus) < 2) {
      return absl::InvalidArgumentError("a modulus is not above 1");
    }
  }
  if (moduli.empty()) {
    return result;
  }
  const Reporter reporter(options);
  Trees trees(moduli, std::max<size_t>(options.chunk, 1), reporter);
  BIRTHMARK_ASSIGN_OR_RETURN(const Row factors, trees.CommonFactors());
  result.words = trees.words();
  Sharing sharing(reporter);
  for (size_t i = 0; i < moduli.size(); ++i) {
    if (factors[i] != 1) {
      result.factors[i] = ToBytes(factors[i]);
      sharing.Add(i, FromBytes(moduli[i]), factors[i]);
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(result.shared, sharing.Find());
  return result;
}

}  // namespace birthmark::crypto
