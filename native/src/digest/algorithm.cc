// SPDX-License-Identifier: Apache-2.0
#include "algorithm.h"

#include "blake3.h"

#include <stdexcept>

namespace vram_residency::digest {
namespace {

class Sha256Stream final : public Stream {
 public:
  explicit Sha256Stream(Path path) : hash_{path} {}

  void update(ByteView data) override
  {
    bytes_ += data.size();
    hash_.update(data);
  }
  Result finish() override { return {.digest = hash_.finish(), .level1 = {}, .leaves = {}, .bytes = bytes_}; }

 private:
  Sha256 hash_;
  std::uint64_t bytes_ = 0;
};

class FsVerityStream final : public Stream {
 public:
  explicit FsVerityStream(Options const& options) : hash_{{options.salt, options.keep_leaves, options.path}} {}

  void update(ByteView data) override { hash_.update(data); }
  Result finish() override { return hash_.finish(); }

 private:
  FsVerity hash_;
};

class Blake3Stream final : public Stream {
 public:
  explicit Blake3Stream(Path path) : hash_{path} {}

  void update(ByteView data) override
  {
    bytes_ += data.size();
    hash_.update(data);
  }
  Result finish() override { return {.digest = hash_.finish(), .level1 = {}, .leaves = {}, .bytes = bytes_}; }

 private:
  Blake3 hash_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

void check(Options const& options)
{
  bool const tree = options.algorithm == Algorithm::fsverity_sha256;
  if (!tree && (!options.salt.empty() || options.keep_leaves)) {
    throw std::invalid_argument{"only fs-verity has a salt and leaves"};
  }
  if (options.salt.size() > kFsVeritySaltBytesMax) { throw std::invalid_argument{"a salt has at most 32 bytes"}; }
}

std::unique_ptr<Stream> begin(Options const& options)
{
  check(options);
  switch (options.algorithm) {
    case Algorithm::sha256: return std::make_unique<Sha256Stream>(options.path);
    case Algorithm::fsverity_sha256: return std::make_unique<FsVerityStream>(options);
    case Algorithm::blake3: return std::make_unique<Blake3Stream>(options.path);
  }
  throw std::invalid_argument{"there is no such algorithm"};
}

}  // namespace vram_residency::digest
