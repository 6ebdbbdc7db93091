// SPDX-License-Identifier: Apache-2.0
/// Any digest of the table of docs/spec/digests-v1.md behind one face.
#pragma once

#include "fsverity.h"

#include <memory>

namespace vram_residency::digest {

enum class Algorithm : std::uint32_t { sha256 = 0, fsverity_sha256 = 1, blake3 = 2 };

struct Options {
  Algorithm algorithm = Algorithm::fsverity_sha256;
  /// 0 to 32 bytes; only fs-verity takes one.
  Bytes salt;
  /// Only fs-verity has them.
  bool keep_leaves = false;
  Path path = fastest();
};

/// Level 1 and leaves are empty where the algorithm has none.
using Result = FsVerityResult;

/// A running digest of any algorithm. Use once.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void update(ByteView data) = 0;
  virtual Result finish() = 0;
};

/// @throws std::invalid_argument for a salt, or leaves, that the algorithm does not have.
std::unique_ptr<Stream> begin(Options const& options);

/// Throws what `begin` would.
void check(Options const& options);

}  // namespace vram_residency::digest
